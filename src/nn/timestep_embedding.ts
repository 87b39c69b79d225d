// Embeds the timestep: features of the number, then a small perceptron.

import * as exact from "../engine/math/index.ts";
import { concat, constant, type Tensor } from "../engine/tensor.ts";
import { type Activation, type ActivationName, activation } from "./activations.ts";
import type { Initializer } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** Turns numbers [N] into features [N, width]. */
export interface TimeProjection {
  /** [N] -> [N, width]. */
  forward(timestep: Tensor): Tensor;
}

/**
 * Sinusoidal features (Vaswani et al. 2017, section 3.5): frequencies from 1 down to 1/10000.
 * Feature i of each half has frequency exp(-ln(10000) · i / (width/2 - freqShift)).
 */
export class Timesteps implements TimeProjection {
  readonly #width: number;
  readonly #flipSinToCos: boolean;
  readonly #frequencies: Tensor;

  /** @throws RangeError when width/2 - freqShift is 0 */
  constructor(width: number, flipSinToCos: boolean, freqShift: number) {
    const half = Math.floor(width / 2);
    if (half === 0 || half === freqShift) {
      throw new RangeError(
        `a sinusoidal time embedding of width ${width} with freq_shift ${freqShift} has no frequencies; choose more channels or another freq_shift`,
      );
    }
    this.#width = width;
    this.#flipSinToCos = flipSinToCos;
    // In float32 steps, as in Python.
    const { fround } = Math;
    const slope = fround(-exact.log(10000));
    const exponents = Array.from({ length: half }, (_, i) => fround(fround(slope * i) / (half - freqShift)));
    this.#frequencies = constant(Float32Array.from(exponents, exact.exp), [1, half]);
  }

  /** timestep [N] -> [N, width]: sines then cosines, or the reverse; padded with a zero when width is odd. */
  forward(timestep: Tensor): Tensor {
    const [n] = timestep.shape;
    const angles = timestep.cast().reshape([n, 1]).mul(this.#frequencies); // [N, width/2]
    const halves = [angles.sin(), angles.cos()];
    const features = concat(this.#flipSinToCos ? halves.reverse() : halves, 1);
    return features.pad([0, 0], [0, this.#width % 2]);
  }
}

/** diffusers draws the table twice and keeps the second draw. */
const fourierInit =
  (scale: number): Initializer =>
  (generator, count) => {
    generator.randn(count);
    return generator.randn(count).map((x) => x * scale);
  };

/** Random Fourier features of ln(timestep) (Tancik et al. 2020; Song et al. 2021). The frequencies are fixed. */
export class GaussianFourierProjection extends Module implements TimeProjection {
  readonly #weight: Parameter;

  constructor(size: number, scale: number) {
    super();
    this.#weight = this.parameter({
      name: "weight",
      torchShape: [size],
      init: fourierInit(scale),
      trainable: false,
    });
  }

  /** timestep [N], above 0 -> [N, 2 size]: sines then cosines. */
  forward(timestep: Tensor): Tensor {
    const [n] = timestep.shape;
    const logarithms = timestep.cast().log().reshape([n, 1]);
    const angles = logarithms.mul(this.#weight.tensor).mul(2 * Math.PI); // [N, size]
    return concat([angles.sin(), angles.cos()], 1);
  }
}

/** What a time embedding has besides its two layers. */
export interface TimestepEmbeddingOptions {
  /** The activation between them. Default "silu". */
  readonly actFn?: ActivationName;
  /** Width of a condition that is projected and added to the features; null for none. Default null. */
  readonly condProjDim?: number | null;
}

/** Linear, activation, linear. */
export class TimestepEmbedding extends Module {
  readonly #act: Activation;
  readonly #linear1: Linear;
  readonly #condProj: Linear | null;
  readonly #linear2: Linear;

  constructor(
    inFeatures: number,
    width: number,
    { actFn = "silu", condProjDim = null }: TimestepEmbeddingOptions = {},
  ) {
    super();
    this.#act = activation(actFn);
    this.#linear1 = this.child("linear_1", new Linear(inFeatures, width));
    this.#condProj =
      condProjDim === null
        ? null
        : this.child("cond_proj", new Linear(condProjDim, inFeatures, { bias: false }));
    this.#linear2 = this.child("linear_2", new Linear(width, width));
  }

  /** features [N, inFeatures], condition [N, condProjDim] -> [N, width]. Without a condition, none is added. */
  forward(features: Tensor, condition?: Tensor): Tensor {
    const added = condition && this.#condProj?.forward(condition);
    const seen = added === undefined ? features : features.add(added);
    return this.#linear2.forward(this.#act(this.#linear1.forward(seen)));
  }
}
