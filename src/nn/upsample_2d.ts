// Doubling an image: each pixel becomes 2x2, then a convolution smooths it.

import type { Tensor } from "../engine/tensor.ts";
import { Conv2d } from "./conv2d.ts";
import { Module } from "./module.ts";

/** [N, H, W, C] -> [N, 2H, 2W, C], each pixel repeated. */
export function nearestUpsample2x(x: Tensor): Tensor {
  const [n, h, w, c] = x.shape;
  return x
    .reshape([n, h, 1, w, 1, c])
    .broadcastTo([n, h, 2, w, 2, c])
    .reshape([n, 2 * h, 2 * w, c]);
}

/** Nearest-neighbour doubling and a 3x3 convolution. */
export class Upsample2D extends Module {
  readonly #conv: Conv2d;

  constructor(channels: number) {
    super();
    this.#conv = this.child(
      "conv",
      new Conv2d({ inChannels: channels, outChannels: channels, kernelSize: 3, padding: 1 }),
    );
  }

  /** [N, H, W, C] -> [N, 2H, 2W, C]. */
  forward(x: Tensor): Tensor {
    return this.#conv.forward(nearestUpsample2x(x));
  }
}
