// Denoiser: what samplers, pipelines and the training step need of a model that tells noise from images. UNet2DModel is
// the first kind.

import type { DType } from "../engine/graph.ts";
import type { Shape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
import type { ForwardContext } from "../nn/forward_context.ts";
import type { Module } from "../nn/module.ts";

/** What models can be conditioned on, each by the name of diffusers' argument of `forward`. A further kind is a name here. */
const CONDITION_NAMES = ["classLabels"] as const;
/** The name of what a model can be conditioned on beside the timestep. */
export type ConditionName = (typeof CONDITION_NAMES)[number];

/** Something for each condition that there is: its shape, its tensor, its values. */
export type Conditions<T> = { readonly [name in ConditionName]?: T };

/** An input of a model for a batch. */
export interface ConditionInput {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What `forward` takes beside x_t and t: exactly the conditions that `conditionsFor` names. */
export interface DenoiserInputs extends Conditions<Tensor> {
  /** [N, timeEmbedDim]: what else the model is told of each image, added to its time embedding. Default nothing. */
  readonly addedEmbedding?: Tensor;
  /** Default: evaluation. */
  readonly context?: ForwardContext;
}

/** Which timesteps a model takes, by its time embedding. */
export type TimestepKind =
  /** Any number from 0. */
  | { readonly type: "positional" }
  /** Noise levels above 0. */
  | { readonly type: "fourier" }
  /** Whole numbers from 0 to rows - 1: each has a row in a table. */
  | { readonly type: "learned"; readonly rows: number };

/** How a model takes classes. */
export type ClassEmbedding =
  /** By number, from 0 to rows - 1: each has a row in a table. */
  | { readonly type: "table"; readonly rows: number }
  /** Any number, embedded as timesteps are. */
  | { readonly type: "timestep" }
  /** A vector for each image. */
  | { readonly type: "identity" };

/** What samplers, pipelines and the training step need of a model. */
export interface Denoiser extends Module {
  /** Its class in files: diffusers' name. */
  readonly className: string;
  /** Channels of x_t. */
  readonly inChannels: number;
  /** Channels of what is predicted; twice `inChannels` where the variance is learnt too. */
  readonly outChannels: number;
  /** Height and width of x_t that the model is meant for; null where its config does not say. */
  readonly sampleSize: { readonly height: number; readonly width: number } | null;
  /** Height and width of x_t must be multiples of this. */
  readonly sizeFactor: number;
  readonly timesteps: TimestepKind;
  /** Width of `addedEmbedding`; null for a model that takes none. */
  readonly timeEmbedDim: number | null;
  /** Share of values that are dropped in training; above 0 `forward` wants random numbers of its context. */
  readonly dropout: number;
  /** Null for a model that takes no classes. */
  readonly classEmbedding: ClassEmbedding | null;

  /** What it is conditioned on, for n images; empty for an unconditional model. */
  conditionsFor(n: number): Conditions<ConditionInput>;

  /**
   * @param sample x_t, [N, H, W, inChannels]
   * @param timestep i32 or f32 [N]
   * @returns the prediction, [N, H, W, outChannels]
   * @throws ShapeError when a shape does not fit
   */
  forward(sample: Tensor, timestep: Tensor, inputs?: DenoiserInputs): Tensor;

  /** A model of the same config, without values. */
  withoutValues(): Denoiser;

  /** The object of its config.json. */
  toConfig(): JsonObject;
  /** Its keys whose numbers are floats in Python (0 is written 0.0). */
  readonly floatKeys: ReadonlySet<string>;
}

/** Something else for each condition that there is. */
export function mapConditions<A, B>(
  conditions: Conditions<A>,
  map: (value: A, name: ConditionName) => B,
): Conditions<B> {
  const out: { [name in ConditionName]?: B } = {};
  for (const name of CONDITION_NAMES) {
    const value = conditions[name];
    if (value !== undefined) out[name] = map(value, name);
  }
  return out;
}

/** What there is, in the order of `CONDITION_NAMES`. */
export const conditionList = <T>(conditions: Conditions<T>): T[] =>
  CONDITION_NAMES.flatMap((name) => {
    const value = conditions[name];
    return value === undefined ? [] : [value];
  });

/** Whether a model is told of classes. */
export const isClassConditional = ({ classEmbedding }: Pick<Denoiser, "classEmbedding">): boolean =>
  classEmbedding !== null;
