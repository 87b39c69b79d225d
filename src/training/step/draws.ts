// The random part of a training step: noise and timesteps, drawn in the program from a key, or fed.

import type { HostArray } from "../../engine/backend.ts";
import type { Shape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Denoiser } from "../../models/denoiser.ts";
import { type ForwardContext, RandomStream } from "../../nn/forward_context.ts";
import { isFlow, type Objective, timestepCount } from "./objective.ts";
import type { AddedInputs } from "./program_inputs.ts";
import { drawPositions, type TimestepSampling } from "./timestep_sampling.ts";

export interface DrawOptions {
  /** The model that is trained. */
  readonly model: Denoiser;
  /** How images are noised, and what the model predicts of it. */
  readonly objective: Objective;
  /** Images of this step: the batch, or the part of it that this step computes. */
  readonly batchSize: number;
  /** Size of the whole batch where this step computes only a part; images get the same draws as in the whole. */
  readonly wholeBatch?: number;
  /** Height of x_t. */
  readonly height: number;
  /** Width of x_t. */
  readonly width: number;
  /**
   * "philox": noise and timesteps are drawn in the program from a key; "fed": they are inputs. Dropout and all options
   * below need "philox".
   */
  readonly draws: "philox" | "fed";
  /** Default uniform. */
  readonly timestepSampling?: TimestepSampling;
  /**
   * Standard deviation of additional noise that is constant over a channel of an image, so that the model learns to
   * change an image's mean colour (Guttenberg 2023, "Diffusion with offset noise"). Default 0.
   */
  readonly noiseOffset?: number;
  /**
   * Standard deviation of additional noise in the model's input that is not part of its target, which makes it robust
   * against its own errors in sampling (Ning et al. 2023, arXiv 2301.11706, algorithm 3). Default 0.
   */
  readonly inputPerturbation?: number;
}

/** Values fed in place of, or for, the draws. */
export interface DrawFeeds {
  /** For "philox": i32 [3] = seed low word, seed high word, step; with `wholeBatch` [4], the first image's index. */
  readonly key?: Int32Array;
  /** For "fed": [N, H, W, C]. */
  readonly noise?: Float32Array;
  /** For "fed" and loss-second-moment: i32 [N], from 0 to T-1. For "fed" and a flow: f32 [N], u T from 0 to T. */
  readonly timesteps?: Int32Array | Float32Array;
  /** For loss-second-moment: [N], the factors of the losses. */
  readonly importance?: Float32Array;
}

export interface Draws {
  /** The noise of the model's target, [N, H, W, C]. */
  readonly noise: Tensor;
  /** The noise added to the images, [N, H, W, C]. */
  readonly mixedNoise: Tensor;
  /** Input of `batchLevels`, [N]. */
  readonly timesteps: Tensor;
  /** Factor of each image's loss, [N], which corrects for non-uniform timesteps; null for none. */
  readonly importance: Tensor | null;
  readonly context: ForwardContext;
}

/**
 * Makes the draws of a step.
 * @param inputs receives the inputs that must be fed
 * @throws Error when fed draws are combined with options that need "philox"
 */
export function makeDraws(options: DrawOptions, inputs: AddedInputs<DrawFeeds>): Draws {
  return options.draws === "philox" ? philoxDraws(options, inputs) : fedDraws(options, inputs);
}

/** [N, H, W, C]. */
export function imageShape({ model, batchSize, height, width }: DrawOptions): Shape {
  return [batchSize, height, width, model.inChannels];
}

function philoxDraws(options: DrawOptions, inputs: AddedInputs<DrawFeeds>): Draws {
  const shape = imageShape(options);
  const { wholeBatch } = options;
  const key = inputs.add("key", [wholeBatch === undefined ? 3 : 4], "i32", ({ key }) =>
    required("a key", key),
  );
  const random = new RandomStream(key, wholeBatch);
  // Sites are numbered in the order of draws: switching one off must not change the others.
  const plain = random.normal(shape);
  const { timesteps, importance } = philoxTimesteps(options, random, inputs);
  const { noiseOffset = 0, inputPerturbation = 0 } = options;
  const [n, , , channels] = shape;
  const noise = noiseOffset === 0 ? plain : plain.add(random.normal([n, 1, 1, channels]).mul(noiseOffset));
  const mixedNoise = inputPerturbation === 0 ? noise : noise.add(random.normal(shape).mul(inputPerturbation));
  return {
    noise,
    mixedNoise,
    timesteps,
    importance,
    context: { training: true, random },
  };
}

function philoxTimesteps(
  { objective, batchSize, timestepSampling = { name: "uniform" } }: DrawOptions,
  random: RandomStream,
  inputs: AddedInputs<DrawFeeds>,
): Pick<Draws, "timesteps" | "importance"> {
  const count = timestepCount(objective);
  if (timestepSampling.name === "loss-second-moment") {
    const whole = inputs.add("timesteps", [batchSize], "i32", fedTimesteps);
    return {
      // A flow's timesteps are continuous: a whole timestep represents the interval to the next.
      timesteps: isFlow(objective) ? whole.cast().add(random.uniform([batchSize])) : whole,
      importance: inputs.add("importance", [batchSize], "f32", (given) =>
        required("importance", given.importance),
      ),
    };
  }
  const along = drawPositions(timestepSampling, random, batchSize).mul(count);
  if (isFlow(objective)) return { timesteps: along, importance: null };
  // A sigmoid can round to 1; a uniform number is always below.
  const whole = timestepSampling.name === "uniform" ? along.floor() : along.floor().minimum(count - 1);
  return { timesteps: whole.cast("i32"), importance: null };
}

function fedDraws(options: DrawOptions, inputs: AddedInputs<DrawFeeds>): Draws {
  const { model, objective, batchSize, timestepSampling, noiseOffset = 0, inputPerturbation = 0 } = options;
  const { dropout } = model;
  if (dropout > 0) {
    throw new Error(`dropout of ${dropout} wants random numbers in the program; use draws "philox"`);
  }
  if (noiseOffset !== 0 || inputPerturbation !== 0 || (timestepSampling?.name ?? "uniform") !== "uniform") {
    throw new Error(
      'noiseOffset, inputPerturbation and timestepSampling are drawn in the program; use draws "philox"',
    );
  }
  const noise = inputs.add("noise", imageShape(options), "f32", (given) => required("noise", given.noise));
  const timesteps = inputs.add("timesteps", [batchSize], isFlow(objective) ? "f32" : "i32", fedTimesteps);
  return {
    noise,
    mixedNoise: noise,
    timesteps,
    importance: null,
    context: { training: true },
  };
}

const fedTimesteps = ({ timesteps }: DrawFeeds): HostArray => required("timesteps", timesteps);

/** @throws Error that names what is missing */
export function required<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw new Error(`this training step wants to be fed ${name}`);
  return value;
}
