// Properties of a pipeline's images that hold with every scheduler.

import { afterAll, expect, test } from "vitest";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import {
  CMStochasticIterativeScheduler,
  DDPMScheduler,
  EDMEulerScheduler,
  FlowMatchEulerDiscreteScheduler,
  isSchedulerName,
  type Scheduler,
  type SchedulerName,
  schedulers,
  UnCLIPScheduler,
} from "../../src/schedulers/index.ts";
import { tinyUNet } from "./support.ts";

const STEPS = 5;
const unet = tinyUNet();
const options = { backend: "wasm", threads: 1 } as const;
const pipelineOf = (scheduler: Scheduler) => new DDPMPipeline(unet, scheduler, options);
const ordinary = pipelineOf(new DDPMScheduler());
/** The pipelines of models of other kinds, by the schedulers that draw with them. */
const special: Partial<Record<SchedulerName, DDPMPipeline>> = {
  "edm-euler": pipelineOf(new EDMEulerScheduler()),
  "edm-dpm++": pipelineOf(new EDMEulerScheduler()),
  "flow-match-euler": pipelineOf(new FlowMatchEulerDiscreteScheduler()),
  "flow-match-heun": pipelineOf(new FlowMatchEulerDiscreteScheduler()),
  cm: pipelineOf(new CMStochasticIterativeScheduler()),
  unclip: pipelineOf(new UnCLIPScheduler()),
};
afterAll(() => Promise.all([ordinary, ...Object.values(special)].map((pipeline) => pipeline.close())));

// RePaint draws parts of images, in a pipeline of its own.
const names = Object.keys(schedulers)
  .filter(isSchedulerName)
  .filter((name) => name !== "repaint");

test.each(names)(
  "%s: image k of a seed is the same in any batch, and every step is seen",
  async (scheduler) => {
    const pipeline = special[scheduler] ?? ordinary;
    const seen: [number, number][] = [];
    const asked = { scheduler, steps: STEPS, seed: 7, count: 3 };
    const alone = await pipeline.generate({
      ...asked,
      batchSize: 1,
      onStep: ({ step, steps, firstImage }) => {
        if (firstImage === 2) seen.push([step, steps]);
      },
    });
    const together = await pipeline.generate({ ...asked, batchSize: 3 });
    expect(alone.data.every(Number.isFinite)).toBe(true);
    expect(together.data).toEqual(alone.data);
    const images = [0, 1, 2].map((k) => alone.data.slice(k * 192, (k + 1) * 192));
    expect(images[0]).not.toEqual(images[1]);
    const [, steps] = seen[0];
    expect(steps).toBeGreaterThanOrEqual(STEPS);
    expect(seen).toEqual(Array.from({ length: steps }, (_, i) => [i + 1, steps]));
  },
);
