// Properties of a pipeline's images that hold with every scheduler.

import { afterAll, describe, expect, test } from "vitest";
import type { Codec } from "../../src/codecs/codec.ts";
import { identity } from "../../src/codecs/identity.ts";
import { patches } from "../../src/codecs/patches.ts";
import { createBackend } from "../../src/engine/backends/create.ts";
import type { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import type { PipelineOptions } from "../../src/pipelines/diffusion_pipeline.ts";
import {
  CMStochasticIterativeScheduler,
  DDPMScheduler,
  EDMEulerScheduler,
  FlowMatchEulerDiscreteScheduler,
  IPNDMScheduler,
  SCMScheduler,
  type Scheduler,
  type SchedulerName,
  ScoreSdeVeScheduler,
  schedulerNames,
  UnCLIPScheduler,
} from "../../src/schedulers/index.ts";
import { noGpu, tellMissingGpu } from "../support/gpu.ts";
import { tinyUNet } from "./support.ts";

const STEPS = 5;
const COUNT = 3;
const processor = { backend: "wasm", threads: 1 } as const;
const gpu = noGpu === undefined ? await createBackend({ backend: "webgpu" }) : undefined;
const all: DDPMPipeline[] = [];
afterAll(async () => {
  await Promise.all(all.map((pipeline) => pipeline.close()));
  await gpu?.close();
});

/** The pipelines of one model, by the schedulers that draw with it. */
function pipelinesOf(
  unet: UNet2DModel,
  codec: Codec,
  options: PipelineOptions = processor,
): (scheduler: SchedulerName) => DDPMPipeline {
  const pipelineOf = (scheduler: Scheduler) => {
    const pipeline = new DDPMPipeline(unet, scheduler, { ...options, codec });
    all.push(pipeline);
    return pipeline;
  };
  const ordinary = pipelineOf(new DDPMScheduler());
  const edm = pipelineOf(new EDMEulerScheduler());
  const flow = pipelineOf(new FlowMatchEulerDiscreteScheduler());
  const special: Partial<Record<SchedulerName, DDPMPipeline>> = {
    "edm-euler": edm,
    "edm-dpm++": edm,
    "flow-match-euler": flow,
    "flow-match-heun": flow,
    "flow-match-lcm": flow,
    cm: pipelineOf(new CMStochasticIterativeScheduler()),
    ipndm: pipelineOf(new IPNDMScheduler()),
    scm: pipelineOf(new SCMScheduler()),
    "sde-ve": pipelineOf(new ScoreSdeVeScheduler()),
    unclip: pipelineOf(new UnCLIPScheduler()),
  };
  return (scheduler) => special[scheduler] ?? ordinary;
}

tellMissingGpu();

// RePaint draws parts of images, in a pipeline of its own.
const names = schedulerNames.filter((name) => name !== "repaint");

describe.each([
  { kind: "pixels", pipelineFor: pipelinesOf(tinyUNet(), identity) },
  {
    kind: "patches",
    pipelineFor: pipelinesOf(tinyUNet(0, { inChannels: 12, outChannels: 12 }), patches(2)),
  },
  ...(gpu === undefined
    ? []
    : [{ kind: "pixels, on webgpu", pipelineFor: pipelinesOf(tinyUNet(), identity, { backend: gpu }) }]),
])("a model of $kind", ({ pipelineFor }) => {
  test.each(names)(
    "%s: image k of a seed is the same in any batch, and every step is seen",
    async (scheduler) => {
      const pipeline = pipelineFor(scheduler);
      const seen: [number, number][] = [];
      const asked = { scheduler, steps: STEPS, seed: 7, count: COUNT };
      const alone = await pipeline.generate({
        ...asked,
        batchSize: 1,
        onStep: ({ step, steps, firstImage }) => {
          if (firstImage === 2) seen.push([step, steps]);
        },
      });
      const together = await pipeline.generate({ ...asked, batchSize: COUNT });
      const { height, width } = pipeline.imageSize;
      expect(alone.shape).toEqual([COUNT, height, width, 3]);
      expect(alone.data.every(Number.isFinite)).toBe(true);
      expect(together.data).toEqual(alone.data);
      const size = alone.data.length / COUNT;
      const images = Array.from({ length: COUNT }, (_, k) => alone.data.slice(k * size, (k + 1) * size));
      expect(images[0]).not.toEqual(images[1]);
      const [, steps] = seen[0];
      expect(steps).toBeGreaterThanOrEqual(STEPS);
      expect(seen).toEqual(Array.from({ length: steps }, (_, i) => [i + 1, steps]));
    },
  );
});
