// Denoiser: what samplers, pipelines and the training step need of a model that separates noise from images.
// UNet2DModel is the first kind.

import type { DType } from "../engine/graph.ts";
import type { Shape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
import type { ForwardContext } from "../nn/forward_context.ts";
import type { Module } from "../nn/module.ts";

/** A shape, tensor or array for each condition of a model, named like the arguments of diffusers' `forward`. */
export interface Conditions<T> {
  /** Classes: [N], or vectors [N, D]. */
  readonly classLabels?: T;
  /** The tokens of a prompt, as a text model gives them: [N, S, D]. */
  readonly encoderHiddenStates?: T;
  /** SDXL: the whole prompt, [N, P]. */
  readonly textEmbeds?: T;
  /** SDXL: original height and width, top and left of the crop, height and width: [N, 6]. */
  readonly timeIds?: T;
  /** Latent consistency models: the embedded guidance scale, [N, D]. */
  readonly timestepCond?: T;
}
/** The name of a condition of a model, besides the timestep. @useDeclaredType */
export type ConditionName = keyof Conditions<unknown>;

/** The order of conditions among a program's inputs. */
const CONDITION_NAMES: readonly ConditionName[] = [
  "classLabels",
  "encoderHiddenStates",
  "textEmbeds",
  "timeIds",
  "timestepCond",
];

/** Lengths of conditions that a model's config leaves open. */
export interface ConditionSizes {
  /** Tokens of a prompt, in `encoderHiddenStates`. Default 77. */
  readonly tokens?: number;
  /** Numbers in `timeIds`. Default 6: the original size, the crop and the size of the image. */
  readonly timeIds?: number;
}

/** An input of a model for a batch. */
export interface ConditionInput {
  /** [N] for one number an image, [N, ...] for more. */
  readonly shape: Shape;
  /** i32 for numbers of classes, f32 for vectors. */
  readonly dtype: DType;
}

/** Inputs of `forward` besides x_t and t: exactly the conditions that `conditionsFor` names. */
export interface DenoiserInputs extends Conditions<Tensor> {
  /** Further information on each image, [N, timeEmbedDim], added to its time embedding. Default: none. */
  readonly addedEmbedding?: Tensor;
  /** Default: evaluation. */
  readonly context?: ForwardContext;
}

/** The timesteps that a model accepts, by its time embedding. */
export type TimestepKind =
  /** Any number >= 0. */
  | { readonly type: "positional" }
  /** Noise levels > 0. */
  | { readonly type: "fourier" }
  /** Whole numbers from 0 to rows - 1, each a row of a table. */
  | { readonly type: "learned"; readonly rows: number };

/** How a model embeds classes. */
export type ClassEmbedding =
  /** By number, from 0 to rows - 1, each a row of a table; `nullClass` is the row of no class, if the config names it. */
  | { readonly type: "table"; readonly rows: number; readonly nullClass?: number }
  /** Any number, embedded like timesteps. */
  | { readonly type: "timestep" }
  /** One vector per image. */
  | { readonly type: "identity" };

/** What samplers, pipelines and the training step need of a model. */
export interface Denoiser extends Module {
  /** Its class name in files, as in diffusers. */
  readonly className: string;
  /** Channels of x_t. */
  readonly inChannels: number;
  /** Channels of the prediction; twice `inChannels` if the variance is learned too. */
  readonly outChannels: number;
  /** Height and width of x_t that the model is meant for; null if its config does not say. */
  readonly sampleSize: { readonly height: number; readonly width: number } | null;
  /** Height and width of x_t must be multiples of this. */
  readonly sizeFactor: number;
  /** Which timesteps it accepts. */
  readonly timesteps: TimestepKind;
  /** Width of `addedEmbedding`; null for a model that takes none. */
  readonly timeEmbedDim: number | null;
  /** Dropout probability in training; above 0, `forward` needs random numbers in its context. */
  readonly dropout: number;
  /** Null for a model that takes no classes. */
  readonly classEmbedding: ClassEmbedding | null;

  /** Its conditions for n images; empty for an unconditional model. */
  conditionsFor(n: number, sizes?: ConditionSizes): Conditions<ConditionInput>;

  /**
   * @param sample x_t, [N, H, W, inChannels]
   * @param timestep i32 or f32 [N]
   * @returns the prediction, [N, H, W, outChannels]
   * @throws ShapeError when a shape does not fit
   */
  forward(sample: Tensor, timestep: Tensor, inputs?: DenoiserInputs): Tensor;

  /** A model of the same config, without values. */
  withoutValues(): Denoiser;

  /** The contents of its config.json. */
  toConfig(): JsonObject;
  /** Config keys whose numbers are floats in Python (0 is written 0.0). */
  readonly floatKeys: ReadonlySet<string>;
}

/** Maps the value of each condition present. */
export function mapConditions<A, B>(
  conditions: Conditions<A>,
  map: (value: A, name: ConditionName) => B,
): Conditions<B> {
  const out: { -readonly [name in ConditionName]?: B } = {};
  for (const name of CONDITION_NAMES) {
    const value = conditions[name];
    if (value !== undefined) out[name] = map(value, name);
  }
  return out;
}

/** The values present, in the order of `CONDITION_NAMES`. */
export const conditionList = <T>(conditions: Conditions<T>): T[] =>
  CONDITION_NAMES.flatMap((name) => {
    const value = conditions[name];
    return value === undefined ? [] : [value];
  });

/** Whether a model takes classes. */
export const isClassConditional = ({ classEmbedding }: Pick<Denoiser, "classEmbedding">): boolean =>
  classEmbedding !== null;
