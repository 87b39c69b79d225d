// The patches of an image as the tokens of a transformer, with their places (Dosovitskiy et al. 2021; Peebles & Xie 2023).

import * as exact from "../engine/math/index.ts";
import { concat, constant, type Tensor } from "../engine/tensor.ts";
import { Conv2d } from "./conv2d.ts";
import { Module } from "./module.ts";

/** Sizes of a patch embedding. */
export interface PatchEmbedOptions {
  /** Height and width of the images that the model is meant for; others are seen as these, finer or coarser. */
  readonly sampleSize: number;
  /** Height and width of a patch. */
  readonly patchSize: number;
  /** Channels of the image. */
  readonly inChannels: number;
  /** Channels of the tokens, a multiple of 4. */
  readonly embedDim: number;
}

/**
 * A projection of each patch, plus sines and cosines of its place (diffusers' PatchEmbed): [N, H, W, inChannels] to
 * [N, T, embedDim], T = H/p · W/p, row by row.
 */
export class PatchEmbed extends Module {
  readonly #proj: Conv2d;
  readonly #baseSize: number;
  readonly #embedDim: number;

  /** @throws RangeError unless `embedDim` is a multiple of 4 */
  constructor({ sampleSize, patchSize, inChannels, embedDim }: PatchEmbedOptions) {
    super();
    if (embedDim % 4 !== 0) {
      throw new RangeError(
        `tokens of ${embedDim} channels have no place embedding, which takes a multiple of 4; choose other num_attention_heads and attention_head_dim`,
      );
    }
    this.#baseSize = Math.floor(sampleSize / patchSize);
    this.#embedDim = embedDim;
    this.#proj = this.child(
      "proj",
      new Conv2d({ inChannels, outChannels: embedDim, kernelSize: patchSize, stride: patchSize }),
    );
  }

  /** x [N, H, W, inChannels], H and W multiples of the patch's size -> [N, T, embedDim]. */
  forward(x: Tensor): Tensor {
    const patches = this.#proj.forward(x); // [N, h, w, D]
    const [n, h, w] = patches.shape;
    const half = this.#embedDim / 2;
    const columns = this.#places(w).reshape([1, w, half]).broadcastTo([h, w, half]);
    const rows = this.#places(h).reshape([h, 1, half]).broadcastTo([h, w, half]);
    return patches.add(concat([columns, rows], 2)).reshape([n, h * w, this.#embedDim]);
  }

  /** The sines, then the cosines, of places along one side: [count, embedDim / 2]. */
  #places(count: number): Tensor {
    const { fround } = Math;
    const width = this.#embedDim / 4;
    const frequencies = Array.from({ length: width }, (_, i) => 1 / exact.pow(10000, i / width));
    const values = new Float32Array(count * 2 * width);
    for (let k = 0; k < count; k++) {
      // In float32, as in Python.
      const place = fround(k / fround(count / this.#baseSize));
      for (const [i, frequency] of frequencies.entries()) {
        values[2 * width * k + i] = exact.sin(place * frequency);
        values[2 * width * k + width + i] = exact.cos(place * frequency);
      }
    }
    return constant(values, [count, 2 * width]);
  }
}
