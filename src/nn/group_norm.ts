// Group normalization (Wu & He 2018) over channels-last images.

import { numel } from "../engine/shape.ts";
import { full, type Tensor } from "../engine/tensor.ts";
import { constantInit } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** Channels, groups and epsilon of a group norm. */
export interface GroupNormOptions {
  /** A divisor of `channels`. */
  readonly groups: number;
  /** C. */
  readonly channels: number;
  /** Added to the variance. */
  readonly eps: number;
}

/**
 * Group normalisation (Wu & He 2018, arXiv 1803.08494) over [N, ..., C]: mean 0 and variance 1 in each group of
 * channels, then a scale and a shift for each channel.
 */
export class GroupNorm extends Module {
  readonly #groups: number;
  readonly #eps: number;
  readonly #weight: Parameter;
  readonly #bias: Parameter;

  /** @throws RangeError unless `groups` divides `channels` */
  constructor({ groups, channels, eps }: GroupNormOptions) {
    super();
    if (channels % groups !== 0) {
      throw new RangeError(
        `a group norm cannot cut ${channels} channels into ${groups} groups; choose norm_num_groups so that it divides every channel count`,
      );
    }
    this.#groups = groups;
    this.#eps = eps;
    this.#weight = this.parameter({ name: "weight", torchShape: [channels], init: constantInit(1) });
    this.#bias = this.parameter({ name: "bias", torchShape: [channels], init: constantInit(0) });
  }

  /** [N, ..., C] -> the same shape. */
  forward(x: Tensor): Tensor {
    const n = x.shape[0];
    const channels = this.#weight.size;
    const pixels = numel(x.shape) / (n * channels);
    const perGroup = channels / this.#groups;
    const grouped = [n, this.#groups, perGroup];
    /** Per channel [N, 1, C] -> means over each group's channels [N, G, 1]. */
    const groupMean = (byChannel: Tensor) => byChannel.reshape(grouped).mean([2], true);
    /** Per group [N, G, 1] -> per channel [N, 1, C]. */
    const perChannel = (byGroup: Tensor) => byGroup.broadcastTo(grouped).reshape([n, 1, channels]);

    const flat = x.reshape([n, pixels, channels]); // [N, P, C]
    // One pass gives both moments. They are taken about the first pixel, which is as near the mean as the values are
    // spread, so nothing cancels (Chan, Golub & LeVeque 1983).
    const origin = flat.slice([0, 0, 0], [n, 1, channels]).detach();
    const centred = flat.sub(origin);
    const first = centred.mean([1], true); // [N, 1, C]
    const second = centred.square().mean([1], true); // [N, 1, C]
    const mean = perChannel(groupMean(origin.add(first)));
    // The variance's derivative with respect to the mean is exactly zero, so no gradient needs to flow here.
    const offset = mean.detach().sub(origin);
    const variance = groupMean(second.sub(first.mul(offset).mul(2)).add(offset.square())); // [N, G, 1]
    const inverseDeviation = full(1, []).div(variance.add(this.#eps).sqrt());
    const scale = perChannel(inverseDeviation).mul(this.#weight.tensor); // [N, 1, C]
    const shift = this.#bias.tensor.broadcastTo([n, 1, channels]);
    return flat.sub(mean).mul(scale).add(shift).reshape(x.shape);
  }
}
