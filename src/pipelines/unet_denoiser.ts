// A UNet on a backend as the sampler's denoiser: one compiled program for one size of batch.

import type { Backend, Executable, ProgramSpec } from "../engine/backend.ts";
import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import { input } from "../engine/tensor.ts";
import type { UNet2DModel } from "../models/unet_2d_model.ts";
import type { BatchDenoiser } from "../schedulers/index.ts";
import type { Denoiser } from "./sampling.ts";

/** The forward pass of a model for batches of [N, H, W, C]. Its weights are the backend's, as last uploaded. */
export interface UNetProgram {
  readonly executable: Executable;
  readonly denoise: Denoiser;
  /** The same with a timestep for each image. */
  readonly denoiseEach: BatchDenoiser;
}

type ImageShape = readonly [count: number, height: number, width: number, channels: number];

/** The program: sample [N, H, W, C] and timestep [N] in, the model's prediction [N, H, W, C] out. */
export function denoiserProgram(model: UNet2DModel, shape: ImageShape): ProgramSpec {
  const sample = input(shape, "f32", "sample");
  const timestep = input([shape[0]], "f32", "timestep");
  return {
    name: `denoise ${shape.join("x")}`,
    inputs: [sample, timestep],
    outputs: [model.forward(sample, timestep)],
    batchInvariant: true,
  };
}

export async function compileDenoiser(
  backend: Backend,
  model: UNet2DModel,
  shape: ImageShape,
): Promise<UNetProgram> {
  const program = denoiserProgram(model, shape);
  const executable = await backend.compile(program);
  const denoiseEach = async (x: HostTensor, timesteps: Float32Array): Promise<HostTensor> => {
    const [prediction] = await executable.run([x.data, timesteps]);
    return hostTensor(prediction, program.outputs[0].shape);
  };
  const denoise = (x: HostTensor, t: number) => denoiseEach(x, new Float32Array(shape[0]).fill(t));
  return { executable, denoise, denoiseEach };
}
