// A UNet on a backend as the sampler's denoiser: one compiled program for one size of batch.

import type { Backend, Executable } from "../engine/backend.ts";
import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import { input } from "../engine/tensor.ts";
import type { UNet2DModel } from "../models/unet_2d_model.ts";
import type { Denoiser } from "./sampling.ts";

/** The forward pass of a model for batches of [N, H, W, C]. Its weights are the backend's, as last uploaded. */
export interface UNetProgram {
  readonly executable: Executable;
  readonly denoise: Denoiser;
}

export async function compileDenoiser(
  backend: Backend,
  model: UNet2DModel,
  shape: readonly [count: number, height: number, width: number, channels: number],
): Promise<UNetProgram> {
  const [count] = shape;
  const sample = input(shape, "f32", "sample");
  const timestep = input([count], "f32", "timestep");
  const output = model.forward(sample, timestep);
  const executable = await backend.compile({
    name: `denoise ${shape.join("x")}`,
    inputs: [sample, timestep],
    outputs: [output],
    batchInvariant: true,
  });
  const denoise = async (x: HostTensor, t: number): Promise<HostTensor> => {
    const [prediction] = await executable.run([x.data, new Float32Array(count).fill(t)]);
    return hostTensor(prediction, output.shape);
  };
  return { executable, denoise };
}
