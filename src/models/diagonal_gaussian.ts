// What a variational encoder gives for each image: a normal distribution of latents (Kingma & Welling 2014).

import type { Tensor } from "../engine/tensor.ts";

/** Bounds of the logarithm of the variance. */
const LOGVAR = [-30, 20] as const;

/** Independent normal distributions, one for each number of the latents (diffusers' class). */
export class DiagonalGaussianDistribution {
  /** What the encoder gives, [N, h, w, 2C]: mean, then ln of the variance. */
  readonly parameters: Tensor;
  /** [N, h, w, C]; also the most likely latents. */
  readonly mean: Tensor;
  /** ln of the variance, [N, h, w, C]. */
  readonly logvar: Tensor;

  /** @param parameters [N, h, w, 2C]: mean, then ln of the variance */
  constructor(parameters: Tensor) {
    this.parameters = parameters;
    const [mean, logvar] = parameters.split(2, 3);
    this.mean = mean;
    this.logvar = logvar.maximum(LOGVAR[0]).minimum(LOGVAR[1]);
  }

  /** Standard deviation, [N, h, w, C]. */
  get std(): Tensor {
    return this.logvar.mul(0.5).exp();
  }

  /** Latents for standard normal `noise`, [N, h, w, C]. */
  sample(noise: Tensor): Tensor {
    return this.mean.add(this.std.mul(noise));
  }
}
