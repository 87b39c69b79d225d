// The Inception-v3 network that defines FID and KID: that of TensorFlow's 2015-12-05 release, ported to PyTorch by
// pytorch-fid, up to its last pool. Batch norms are folded into the convolutions (weights.ts).

import type { Tensor } from "../../engine/tensor.ts";
import { Module } from "../../nn/module.ts";
import { maxPool3x3Stride2 } from "../../nn/pool_2d.ts";
import {
  BasicConv2d,
  InceptionA,
  InceptionB,
  type InceptionBlock,
  InceptionC,
  InceptionD,
  InceptionE,
  type Width,
} from "./blocks.ts";

/** Height and width of its input. */
export const INCEPTION_SIZE = 299;

/**
 * Inception v3 (Szegedy et al. 2016, arXiv 1512.00567) in the form of TensorFlow's 2015 graph, which FID is
 * computed with (Heusel et al. 2017, arXiv 1706.08500): images [N, 299, 299, 3] to features [N, 2048].
 */
export class InceptionV3 extends Module {
  /** Features per image: 2048. */
  readonly dims: number;
  readonly #stem: readonly BasicConv2d[];
  readonly #middle: readonly BasicConv2d[];
  readonly #blocks: readonly InceptionBlock[];

  /** @param divisor divides the channels of every layer; 1 for the network itself, larger for tests */
  constructor(divisor = 1) {
    super();
    const w: Width = (channels) => channels / divisor;
    const conv = (name: string, from: number, to: number, size: 1 | 3, options?: { stride?: number }) =>
      this.child(name, new BasicConv2d(from, w(to), [size, size], { padding: "none", ...options }));
    this.#stem = [
      conv("Conv2d_1a_3x3", 3, 32, 3, { stride: 2 }),
      conv("Conv2d_2a_3x3", w(32), 32, 3),
      this.child("Conv2d_2b_3x3", new BasicConv2d(w(32), w(64), [3, 3])),
    ];
    this.#middle = [conv("Conv2d_3b_1x1", w(64), 80, 1), conv("Conv2d_4a_3x3", w(80), 192, 3)];
    let channels = w(192);
    const block = <B extends InceptionBlock>(name: string, make: (inChannels: number) => B): B => {
      const made = this.child(name, make(channels));
      channels = made.outChannels;
      return made;
    };
    this.#blocks = [
      block("Mixed_5b", (c) => new InceptionA(c, 32, w)),
      block("Mixed_5c", (c) => new InceptionA(c, 64, w)),
      block("Mixed_5d", (c) => new InceptionA(c, 64, w)),
      block("Mixed_6a", (c) => new InceptionB(c, w)),
      block("Mixed_6b", (c) => new InceptionC(c, 128, w)),
      block("Mixed_6c", (c) => new InceptionC(c, 160, w)),
      block("Mixed_6d", (c) => new InceptionC(c, 160, w)),
      block("Mixed_6e", (c) => new InceptionC(c, 192, w)),
      block("Mixed_7a", (c) => new InceptionD(c, w)),
      block("Mixed_7b", (c) => new InceptionE(c, "average", w)),
      block("Mixed_7c", (c) => new InceptionE(c, "max", w)),
    ];
    this.dims = channels;
  }

  /** [N, 299, 299, 3], values in [-1, 1] -> [N, 2048]. */
  forward(x: Tensor): Tensor {
    let y = this.#stem.reduce((image, conv) => conv.forward(image), x);
    y = this.#middle.reduce((image, conv) => conv.forward(image), maxPool3x3Stride2(y));
    y = this.#blocks.reduce((image, block) => block.forward(image), maxPool3x3Stride2(y));
    return y.mean([1, 2]);
  }
}
