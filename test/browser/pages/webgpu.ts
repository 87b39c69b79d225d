// A page that trains and draws on a GPU, and may lose it.

import { DDPMPipeline, Trainer, type TrainerOptions } from "../../../src/browser.ts";
import { trainingOptions } from "../../support/small_training.ts";

export { hashes, text } from "./training.ts";

const STEPS = 4;
const options = (out: string, resume: boolean): TrainerOptions => ({
  ...trainingOptions(out),
  ...{ backend: "webgpu", steps: STEPS, checkpointEvery: 2, sampleEvery: STEPS, resume },
});

/** The device that was opened last. */
let device: GPUDevice | undefined;
const { requestDevice } = GPUAdapter.prototype;
GPUAdapter.prototype.requestDevice = async function (...args) {
  device = await requestDevice.apply(this, args);
  return device;
};

/**
 * Trains a small model on the GPU.
 * @param stopAfter a step after which it is asked to stop
 * @param loseAfter a step after which the GPU is lost
 * @returns the losses of the steps that were done, and the message of the error that it ended with
 */
export async function train(
  out: string,
  { stopAfter, loseAfter, resume = false }: { stopAfter?: number; loseAfter?: number; resume?: boolean },
): Promise<{ losses: number[]; error: string }> {
  const trainer = new Trainer(options(out, resume));
  const losses: number[] = [];
  try {
    for await (const { step, loss } of trainer.run()) {
      losses.push(loss);
      if (step === stopAfter) trainer.stop();
      if (step === loseAfter) device?.destroy();
    }
    return { losses, error: "" };
  } catch (error) {
    return { losses, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

/** Pixels of the images that a run draws on the GPU. */
export async function draw(source: string): Promise<number[][]> {
  const pipeline = await DDPMPipeline.fromPretrained(source, { backend: "webgpu" });
  try {
    const images = await pipeline.generateImages({ count: 2, steps: 2, scheduler: "ddim", seed: 3 });
    return images.map(({ data }) => [...data]);
  } finally {
    await pipeline.close();
  }
}
