// A UNet on a backend as the sampler's denoiser: one compiled program for one size of batch. With classifier-free
// guidance the program runs the model on every image twice, with its class and with none.

import type { Backend, Executable, ProgramSpec } from "../engine/backend.ts";
import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import { concat, input, type Tensor } from "../engine/tensor.ts";
import type { UNet2DModel } from "../models/unet_2d_model.ts";
import type { BatchDenoiser } from "../schedulers/index.ts";
import type { ClassCondition } from "./class_labels.ts";
import type { Denoiser } from "./sampling.ts";

/** The model for the images of one batch. */
export interface BatchModel {
  readonly denoise: Denoiser;
  /** The same with a timestep for each image. */
  readonly denoiseEach: BatchDenoiser;
}

/** The forward pass of a model for batches of [N, H, W, C]. Its weights are the backend's, as last uploaded. */
export interface UNetProgram {
  readonly executable: Executable;
  /** The model for the batch whose first image is that of `firstImage`; class-conditional ones want a condition. */
  forBatch(condition: ClassCondition | null, firstImage: number): BatchModel;
}

type ImageShape = readonly [count: number, height: number, width: number, channels: number];

/**
 * The program: sample [N, H, W, C] and timestep [N] in, the model's prediction [N, H, W, C] out. Class-conditional models
 * also want classLabels [N]. Guided, timestep and classLabels are [2N], with no class in the second half, and
 * guidanceScale [] and guidanceRescale [] come last.
 */
export function denoiserProgram(model: UNet2DModel, shape: ImageShape, isGuided = false): ProgramSpec {
  const rows = isGuided ? 2 * shape[0] : shape[0];
  const sample = input(shape, "f32", "sample");
  const timestep = input([rows], "f32", "timestep");
  const labels = model.classLabelsFor(rows);
  const classLabels = labels === null ? undefined : input(labels.shape, labels.dtype, "classLabels");
  const guidance = isGuided
    ? { scale: input([], "f32", "guidanceScale"), rescale: input([], "f32", "guidanceRescale") }
    : undefined;
  const seen = isGuided ? concat([sample, sample], 0) : sample;
  const output = model.forward(seen, timestep, { ...(classLabels && { classLabels }) });
  return {
    name: `denoise ${shape.join("x")}${isGuided ? " guided" : ""}`,
    inputs: [
      sample,
      timestep,
      ...(classLabels ? [classLabels] : []),
      ...(guidance ? [guidance.scale, guidance.rescale] : []),
    ],
    outputs: [guidance ? guided(output, guidance, shape[3]) : output],
    batchInvariant: true,
  };
}

/**
 * uncond + w (cond - uncond) (Ho & Salimans 2022, arXiv 2207.12598, equation 6 with w = 1 + their w), and of that the
 * share φ with the standard deviation of cond, image by image (Lin et al. 2023, arXiv 2305.08891, equations 15 and 16).
 * @param output [2N, H, W, C or more]: with the class, then without. Channels behind the first C, a learned variance,
 *   are taken from the answer with the class, as diffusers' DiTPipeline does.
 */
function guided(
  output: Tensor,
  { scale, rescale }: { scale: Tensor; rescale: Tensor },
  channels: number,
): Tensor {
  const [cond, uncond] = output.split(2, 0);
  const [n, h, w, all] = cond.shape;
  const mean = (half: Tensor) => half.slice([0, 0, 0, 0], [n, h, w, channels]);
  const plain = mean(uncond).add(mean(cond).sub(mean(uncond)).mul(scale));
  const ratio = deviation(mean(cond)).div(deviation(plain).maximum(LEAST_DEVIATION)); // [N, 1, 1, 1]
  const prediction = plain.mul(ratio.mul(rescale).add(rescale.neg().add(1)));
  if (all === channels) return prediction;
  return concat([prediction, cond.slice([0, 0, 0, channels], [n, h, w, all - channels])], 3);
}

/** An answer that is the same everywhere has no spread to divide by. */
const LEAST_DEVIATION = 1e-12;

/** [N, H, W, C] -> [N, 1, 1, 1]. */
function deviation(x: Tensor): Tensor {
  const axes = [1, 2, 3];
  return x.sub(x.mean(axes, true)).square().mean(axes, true).sqrt();
}

export async function compileDenoiser(
  backend: Backend,
  model: UNet2DModel,
  shape: ImageShape,
  isGuided = false,
): Promise<UNetProgram> {
  const program = denoiserProgram(model, shape, isGuided);
  const executable = await backend.compile(program);
  const [count] = shape;
  return {
    executable,
    forBatch(condition, firstImage) {
      const labels = condition === null ? [] : [batchLabels(condition, firstImage, count)];
      const { guidance } = condition ?? { guidance: null };
      const scales = guidance ? [Float32Array.of(guidance.scale), Float32Array.of(guidance.rescale)] : [];
      const denoiseEach = async (x: HostTensor, timesteps: Float32Array): Promise<HostTensor> => {
        const times = isGuided ? twice(timesteps) : timesteps;
        const [prediction] = await executable.run([x.data, times, ...labels, ...scales]);
        return hostTensor(prediction, program.outputs[0].shape);
      };
      return { denoiseEach, denoise: (x, t) => denoiseEach(x, new Float32Array(count).fill(t)) };
    },
  };
}

/** [N], or with guidance [2N]: the images' classes, and then no class for each. */
function batchLabels({ labels, guidance }: ClassCondition, firstImage: number, count: number): Int32Array {
  const own = Array.from({ length: count }, (_, k) => labels[(firstImage + k) % labels.length]);
  return Int32Array.from(guidance === null ? own : [...own, ...own.map(() => guidance.nullClass)]);
}

function twice(values: Float32Array): Float32Array {
  const out = new Float32Array(2 * values.length);
  out.set(values);
  out.set(values, values.length);
  return out;
}
