// Draws by a sampler that chooses its steps, those of each picture by itself.

import { type GeneratedStep, hostTensor, isSamplerName, makeSampler } from "imago";
import type { DrawRequest } from "../messages.ts";
import type { Drawer } from "./drawer.ts";
import { say } from "./say.ts";
import { Shown } from "./shown.ts";

/** How often the pictures are shown on their way. */
const LOOKS = 50;

export async function drawOwnSteps(
  pipeline: Drawer,
  { scheduler = "", options, steps, eta, count, seed, showsClean, classLabel, guidanceScale }: DrawRequest,
  signal: AbortSignal,
): Promise<void> {
  if (!isSamplerName(scheduler)) throw new Error(`${scheduler} is no sampler`);
  const shown = new Shown(pipeline, showsClean, signal);
  const { height, width, channels } = pipeline.codec.latentSize(pipeline.imageSize);
  const shape = [count, height, width, channels];
  const values = height * width * channels;
  const all = {
    sample: new Float32Array(count * values),
    predOriginalSample: new Float32Array(count * values),
  };
  const shares = new Float64Array(count);
  let looks = 0;
  const look = ({ image, share, sample, predOriginalSample, ...step }: GeneratedStep): void => {
    const { timestep, nextTimestep, noise } = step;
    say({ kind: "image step", step: { image, timestep, nextTimestep, noise } });
    all.sample.set(sample.data, image * values);
    all.predOriginalSample.set(predOriginalSample.data, image * values);
    shares[image] = share;
    const next = Math.floor((LOOKS * shares.reduce((sum, one) => sum + one)) / count);
    if (next === looks) return;
    looks = next;
    shown.add({
      ...{ step: looks, steps: LOOKS },
      sample: hostTensor(all.sample.slice(), shape),
      predOriginalSample: hostTensor(all.predOriginalSample.slice(), shape),
    });
  };
  await pipeline.generate({
    scheduler: makeSampler(scheduler, {
      ...options,
      ...(steps !== undefined && { steps }),
      ...(eta !== undefined && { eta }),
    }),
    ...(classLabel !== undefined && { classLabels: [classLabel] }),
    ...(guidanceScale !== undefined && { guidanceScale }),
    ...{ count, seed, signal, batchSize: count, onImageStep: look },
  });
  await shown.all;
}
