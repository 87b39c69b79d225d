// Encoder and decoder of AutoencoderTiny: plain convolutions with residuals, without norms.

import type { Tensor } from "../engine/tensor.ts";
import { type Activation, type ActivationName, activation, relu } from "../nn/activations.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { Module } from "../nn/module.ts";
import { nearestUpsample2x } from "../nn/upsample_2d.ts";

/** Sizes of an encoder or a decoder. */
export interface TinyCoderOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Channels of all levels. */
  readonly channels: number;
  /** Number of residual blocks of each level, in order. */
  readonly blocks: readonly number[];
  readonly actFn: ActivationName;
}

/** A part of a sequence. */
type Layer = (x: Tensor) => Tensor;

const conv3x3 = (inChannels: number, outChannels: number, more: { stride?: number; bias?: boolean } = {}) =>
  new Conv2d({ inChannels, outChannels, kernelSize: 3, padding: 1, ...more });

/** Layers one after the other, numbered with those that have no parameters. */
abstract class Sequence extends Module {
  readonly #layers: Layer[] = [];

  protected add(module: Conv2d | TinyBlock): void {
    this.child(`layers.${this.#layers.length}`, module);
    this.#layers.push((x) => module.forward(x));
  }

  protected addPlain(layer: Layer): void {
    this.#layers.push(layer);
  }

  protected apply(x: Tensor): Tensor {
    return this.#layers.reduce((hidden, layer) => layer(hidden), x);
  }
}

/** Images in [-1, 1], [N, H, W, in], to latents; every level but the first halves them. */
export class EncoderTiny extends Sequence {
  constructor({ inChannels, outChannels, channels, blocks, actFn }: TinyCoderOptions) {
    super();
    for (const [level, count] of blocks.entries()) {
      this.add(
        level === 0 ? conv3x3(inChannels, channels) : conv3x3(channels, channels, { stride: 2, bias: false }),
      );
      for (let i = 0; i < count; i++) this.add(new TinyBlock(channels, actFn));
    }
    this.add(conv3x3(channels, outChannels));
  }

  forward(images: Tensor): Tensor {
    return this.apply(images.add(1).div(2));
  }
}

/** How far latents reach: beyond, the decoder bends them. */
const REACH = 3;

/** Latents [N, h, w, in] to images in [-1, 1]; every level but the last doubles them. */
export class DecoderTiny extends Sequence {
  constructor({ inChannels, outChannels, channels, blocks, actFn }: TinyCoderOptions) {
    super();
    this.add(conv3x3(inChannels, channels));
    this.addPlain(activation(actFn));
    for (const [level, count] of blocks.entries()) {
      const isLast = level === blocks.length - 1;
      for (let i = 0; i < count; i++) this.add(new TinyBlock(channels, actFn));
      if (!isLast) this.addPlain(nearestUpsample2x);
      this.add(conv3x3(channels, isLast ? outChannels : channels, { bias: isLast }));
    }
  }

  forward(latents: Tensor): Tensor {
    const bent = latents.div(REACH).tanh().mul(REACH);
    return this.apply(bent).mul(2).sub(1);
  }
}

/** Three convolutions and a residual (diffusers' AutoencoderTinyBlock). */
class TinyBlock extends Module {
  readonly #act: Activation;
  readonly #convs: readonly Conv2d[];

  constructor(channels: number, actFn: ActivationName) {
    super();
    this.#act = activation(actFn);
    // Activations are parts of the sequence in files.
    this.#convs = [0, 2, 4].map((place) => this.child(`conv.${place}`, conv3x3(channels, channels)));
  }

  /** [N, H, W, C] -> the same shape. */
  forward(x: Tensor): Tensor {
    const [first, second, third] = this.#convs;
    const hidden = this.#act(second.forward(this.#act(first.forward(x))));
    return relu(third.forward(hidden).add(x));
  }
}
