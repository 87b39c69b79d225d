// Halving an image: a learned stride-2 convolution, or the mean of 2x2 pixels.

import type { Tensor } from "../engine/tensor.ts";
import { Conv2d } from "./conv2d.ts";
import { Module } from "./module.ts";

/** [N, H, W, C] -> [N, H/2, W/2, C], the mean of each 2x2 square; H and W must be even. */
export function averagePool2x2(x: Tensor): Tensor {
  const [n, h, w, c] = x.shape;
  return x.reshape([n, h / 2, 2, w / 2, 2, c]).mean([2, 4]);
}

/** Stride-2 3x3 convolution. */
export class Downsample2D extends Module {
  readonly #conv: Conv2d;

  /** @param padding 1 pads all sides; 0 pads one row below and one column right (the google/ddpm checkpoints) */
  constructor(channels: number, padding: 0 | 1) {
    super();
    this.#conv = this.child(
      "conv",
      new Conv2d({
        inChannels: channels,
        outChannels: channels,
        kernelSize: 3,
        stride: 2,
        padding: padding === 0 ? [0, 1, 0, 1] : 1,
      }),
    );
  }

  /** [N, H, W, C] -> [N, H/2, W/2, C]. */
  forward(x: Tensor): Tensor {
    return this.#conv.forward(x);
  }
}
