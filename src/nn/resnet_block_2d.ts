// The residual block of diffusion UNets (Ho et al. 2020; scale-shift conditioning: Dhariwal & Nichol 2021).

import type { Tensor } from "../engine/tensor.ts";
import { type Activation, type ActivationName, activation } from "./activations.ts";
import { Conv2d } from "./conv2d.ts";
import { averagePool2x2 } from "./downsample_2d.ts";
import { dropout } from "./dropout.ts";
import type { ForwardContext } from "./forward_context.ts";
import { GroupNorm } from "./group_norm.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { nearestUpsample2x } from "./upsample_2d.ts";

/** "default" adds the time embedding; "scale_shift" uses it to scale and shift the normed values (FiLM). */
export type TimeScaleShift = "default" | "scale_shift";

/** Channels, norm and time embedding of a residual block. */
export interface ResnetBlock2DOptions {
  /** Channels of the image. */
  readonly inChannels: number;
  /** Channels of the result; where they differ from `inChannels`, a 1 x 1 convolution carries the residual. */
  readonly outChannels: number;
  /** Width of the time embedding; null for a block without it. */
  readonly tembChannels: number | null;
  /** Groups of both norms. */
  readonly groups: number;
  /** Added to the variance in both norms. */
  readonly eps: number;
  /** The activation after each norm, and of the time embedding. */
  readonly actFn: ActivationName;
  /** What the time embedding does. */
  readonly timeScaleShift: TimeScaleShift;
  /** Dropout probability before the second convolution. */
  readonly dropout: number;
  /** Divides the sum with the residual. Default 1. */
  readonly outputScaleFactor?: number;
  /** Doubles or halves the image inside the block. Default "none". */
  readonly resample?: "none" | "up" | "down";
}

const resamplers = {
  none: (x: Tensor) => x,
  up: nearestUpsample2x,
  down: averagePool2x2,
} as const;

/**
 * Two convolutions with group norms, the time embedding added between them, and the input added to the result: [N,
 * H, W, Ci] to [N, H, W, Co] (diffusers' ResnetBlock2D).
 */
export class ResnetBlock2D extends Module {
  readonly #norm1: GroupNorm;
  readonly #conv1: Conv2d;
  readonly #timeEmbProj: Linear | null;
  readonly #norm2: GroupNorm;
  readonly #conv2: Conv2d;
  readonly #convShortcut: Conv2d | null;
  readonly #nonlinearity: Activation;
  readonly #timeScaleShift: TimeScaleShift;
  readonly #dropout: number;
  readonly #outputScaleFactor: number;
  readonly #resample: (x: Tensor) => Tensor;

  constructor(options: ResnetBlock2DOptions) {
    super();
    const { inChannels, outChannels, tembChannels, groups, eps, timeScaleShift } = options;
    const timeWidth = timeScaleShift === "scale_shift" ? 2 * outChannels : outChannels;
    this.#norm1 = this.child("norm1", new GroupNorm({ groups, channels: inChannels, eps }));
    this.#conv1 = this.child("conv1", new Conv2d({ inChannels, outChannels, kernelSize: 3, padding: 1 }));
    this.#timeEmbProj =
      tembChannels === null ? null : this.child("time_emb_proj", new Linear(tembChannels, timeWidth));
    this.#norm2 = this.child("norm2", new GroupNorm({ groups, channels: outChannels, eps }));
    this.#conv2 = this.child(
      "conv2",
      new Conv2d({ inChannels: outChannels, outChannels, kernelSize: 3, padding: 1 }),
    );
    this.#convShortcut =
      inChannels === outChannels
        ? null
        : this.child("conv_shortcut", new Conv2d({ inChannels, outChannels, kernelSize: 1 }));
    this.#nonlinearity = activation(options.actFn);
    this.#timeScaleShift = timeScaleShift;
    this.#dropout = options.dropout;
    this.#outputScaleFactor = options.outputScaleFactor ?? 1;
    this.#resample = resamplers[options.resample ?? "none"];
  }

  /** x [N, H, W, inChannels], temb [N, tembChannels] or null -> [N, H', W', outChannels]. */
  forward(x: Tensor, temb: Tensor | null, context: ForwardContext): Tensor {
    let hidden = this.#nonlinearity(this.#norm1.forward(x));
    hidden = this.#conv1.forward(this.#resample(hidden));
    const perImage = this.#perImage(temb);
    if (perImage === null) {
      hidden = this.#norm2.forward(hidden);
    } else if (this.#timeScaleShift === "scale_shift") {
      const [scale, shift] = perImage.split(2, 3);
      hidden = this.#norm2.forward(hidden).mul(scale.add(1)).add(shift);
    } else {
      hidden = this.#norm2.forward(hidden.add(perImage));
    }
    hidden = this.#conv2.forward(dropout(this.#nonlinearity(hidden), this.#dropout, context));

    const resampled = this.#resample(x);
    const residual = this.#convShortcut?.forward(resampled) ?? resampled;
    const sum = residual.add(hidden);
    return this.#outputScaleFactor === 1 ? sum : sum.div(this.#outputScaleFactor);
  }

  /** The time embedding's values for each image, [N, 1, 1, out] or [N, 1, 1, 2 out]. */
  #perImage(temb: Tensor | null): Tensor | null {
    if (this.#timeEmbProj === null || temb === null) return null;
    const time = this.#timeEmbProj.forward(this.#nonlinearity(temb));
    return time.reshape([time.shape[0], 1, 1, time.shape[1]]);
  }
}
