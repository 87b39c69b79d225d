// Runs a model on a backend as the sampler's denoiser: one compiled program per batch size. With classifier-free
// guidance the program evaluates the model twice for every image, with and without its class.

import type { Backend, Executable, HostArray, ProgramSpec } from "../engine/backend.ts";
import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import { DEFAULT_PRECISION, inPrecision, type Precision } from "../engine/precision.ts";
import { concat, input, type Tensor } from "../engine/tensor.ts";
import {
  type ConditionName,
  type ConditionSizes,
  type Conditions,
  conditionList,
  type Denoiser,
  mapConditions,
} from "../models/denoiser.ts";
import type { BatchDenoiser } from "../schedulers/index.ts";
import type { Condition } from "./conditioner.ts";
import { PipelineError } from "./errors.ts";
import type { Predict } from "./sampling.ts";

/** The model for the images of one batch. */
export interface BatchModel {
  readonly denoise: Predict;
  /** The same with one timestep per image. */
  readonly denoiseEach: BatchDenoiser;
}

/** The forward pass of a model for a batch. It uses the weights last uploaded to the backend. */
export interface DenoiserProgram {
  readonly executable: Executable;
  /**
   * The model for the batch whose first image has index `firstImage`.
   * @throws PipelineError where a condition of the model is not given
   */
  forBatch(condition: Condition | null, firstImage: number): Promise<BatchModel>;
}

/** How a model's forward pass is compiled. */
export interface DenoiserForm {
  /** With classifier-free guidance. Default false. */
  readonly isGuided?: boolean;
  /** Default fp32. */
  readonly precision?: Precision;
  /** Lengths of the conditions that the model's config leaves open. */
  readonly sizes?: ConditionSizes | undefined;
  /** Leaves out a learned variance: what the model predicts after the channels of x_t. Default false. */
  readonly meanOnly?: boolean;
}

type ImageShape = readonly [count: number, height: number, width: number, channels: number];

/**
 * The program maps sample [N, H, W, the model's channels] and timestep [N] to its prediction for x_t [N, H, W, C], of
 * which a model that paints sees further channels. The model's conditions,
 * such as classLabels [N], follow the timestep. With guidance, timestep and conditions are [2N], the second half
 * without the condition, and guidanceScale [] and guidanceRescale [] come last.
 */
export function denoiserProgram(
  model: Denoiser,
  shape: ImageShape,
  { isGuided = false, precision = DEFAULT_PRECISION, sizes, meanOnly = false }: DenoiserForm = {},
): ProgramSpec {
  const [count, height, width, channels] = shape;
  const rows = isGuided ? 2 * count : count;
  const sample = input([count, height, width, model.inChannels], "f32", "sample");
  const timestep = input([rows], "f32", "timestep");
  const conditions = mapConditions(model.conditionsFor(rows, sizes), ({ shape, dtype }, name) =>
    input(shape, dtype, name),
  );
  const guidance = isGuided
    ? { scale: input([], "f32", "guidanceScale"), rescale: input([], "f32", "guidanceRescale") }
    : undefined;
  const seen = isGuided ? concat([sample, sample], 0) : sample;
  const [all] = inPrecision([model.forward(seen, timestep, conditions)], precision);
  const output = meanOnly ? all.slice([0, 0, 0, 0], [rows, height, width, channels]) : all;
  return {
    name: `denoise ${shape.join("x")}${isGuided ? " guided" : ""}`,
    inputs: [
      sample,
      timestep,
      ...conditionList(conditions),
      ...(guidance ? [guidance.scale, guidance.rescale] : []),
    ],
    outputs: [guidance ? guided(output, guidance, channels) : output],
    batchInvariant: true,
  };
}

/**
 * uncond + w (cond - uncond) (Ho & Salimans 2022, arXiv 2207.12598, equation 6 with w = 1 + their w), of which the
 * share φ is rescaled per image to the standard deviation of cond (Lin et al. 2023, arXiv 2305.08891, equations 15 and
 * 16).
 * @param output [2N, H, W, C or more]: with the class, then without. Channels after the first C, a learned variance,
 *   are taken from the conditional prediction, as in diffusers' DiTPipeline.
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

/** Avoids dividing by 0 for constant predictions. */
const LEAST_DEVIATION = 1e-12;

/** [N, H, W, C] -> [N, 1, 1, 1]. */
function deviation(x: Tensor): Tensor {
  const axes = [1, 2, 3];
  return x.sub(x.mean(axes, true)).square().mean(axes, true).sqrt();
}

export async function compileDenoiser(
  backend: Backend,
  model: Denoiser,
  shape: ImageShape,
  form: DenoiserForm = {},
): Promise<DenoiserProgram> {
  const program = denoiserProgram(model, shape, form);
  const executable = await backend.compile(program);
  const [count] = shape;
  const wanted = model.conditionsFor(count, form.sizes);
  return {
    executable,
    async forBatch(condition, firstImage) {
      const images = { firstImage, count };
      const { guidance } = condition ?? { guidance: null };
      const own = (await condition?.inputs(images, backend)) ?? {};
      const none = await guidance?.inputs(images, backend);
      const conditions = mapConditions(wanted, (_, name) => {
        const values = given(own, name);
        return none === undefined ? values : joined(values, given(none, name));
      });
      const scales = guidance ? [Float32Array.of(guidance.scale), Float32Array.of(guidance.rescale)] : [];
      const denoiseEach = async (x: HostTensor, timesteps: Float32Array): Promise<HostTensor> => {
        const times = form.isGuided ? joined(timesteps, timesteps) : timesteps;
        const [prediction] = await executable.run([x.data, times, ...conditionList(conditions), ...scales]);
        return hostTensor(prediction, program.outputs[0].shape);
      };
      return { denoiseEach, denoise: (x, t) => denoiseEach(x, new Float32Array(count).fill(t)) };
    },
  };
}

function given(conditions: Conditions<HostArray>, name: ConditionName): HostArray {
  const values = conditions[name];
  if (values !== undefined) return values;
  throw new PipelineError(`the model is conditioned on ${name}, which its conditioner does not give`);
}

/** Concatenates two arrays. */
function joined(first: HostArray, second: HostArray): HostArray {
  const length = first.length + second.length;
  const out =
    first instanceof Int32Array
      ? new Int32Array(length)
      : first instanceof Uint16Array
        ? new Uint16Array(length)
        : new Float32Array(length);
  out.set(first);
  out.set(second, first.length);
  return out;
}
