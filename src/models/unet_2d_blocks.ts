// The levels of a UNet: blocks of resnets, some with attention, that halve or double the image at their end.

import { concat, type Tensor } from "../engine/tensor.ts";
import type { ActivationName } from "../nn/activations.ts";
import { Attention } from "../nn/attention.ts";
import { Downsample2D } from "../nn/downsample_2d.ts";
import type { ForwardContext } from "../nn/forward_context.ts";
import { Module } from "../nn/module.ts";
import { ResnetBlock2D, type TimeScaleShift } from "../nn/resnet_block_2d.ts";
import { Upsample2D } from "../nn/upsample_2d.ts";

/** How a level is halved or doubled. */
export type Resampling = "conv" | "resnet";

/** Settings shared by all resnets of a block. */
export interface ResnetSettings {
  /** Width of the time embedding; null for none. */
  readonly tembChannels: number | null;
  readonly groups: number;
  readonly eps: number;
  readonly actFn: ActivationName;
  readonly timeScaleShift: TimeScaleShift;
  readonly dropout: number;
}

interface BlockOptions {
  readonly outChannels: number;
  readonly layers: number;
  /** Channels of one attention head; null for a block without attention. */
  readonly attentionHeadDim: number | null;
  readonly resnet: ResnetSettings;
}

export interface DownBlockOptions extends BlockOptions {
  readonly inChannels: number;
  /** null for the last level, which is not halved. */
  readonly downsample: Resampling | null;
  readonly downsamplePadding: 0 | 1;
}

export interface UpBlockOptions extends BlockOptions {
  /** Channels of the input from the block below. */
  readonly prevOutputChannel: number;
  /** Channels of the level above, which the last skip connection has. */
  readonly inChannels: number;
  /** null for the last level, which is not doubled. */
  readonly upsample: Resampling | null;
}

export interface MidBlockOptions {
  readonly channels: number;
  /** Channels of one attention head; null for no attention. */
  readonly attentionHeadDim: number | null;
  /** Groups of the attention's norm; null for no norm. */
  readonly attentionGroups: number | null;
  readonly outputScaleFactor: number;
  readonly resnet: ResnetSettings;
}

function blockAttention({ outChannels, attentionHeadDim, resnet }: BlockOptions): Attention | null {
  if (attentionHeadDim === null) return null;
  return new Attention({
    channels: outChannels,
    headDim: attentionHeadDim,
    normGroups: resnet.groups,
    normEps: resnet.eps,
    rescaleOutputFactor: 1,
  });
}

/** One layer of a block: a resnet, then attention if the block has it. */
interface Layer {
  readonly resnet: ResnetBlock2D;
  readonly attention: Attention | null;
}

/** Resnets (with attention), then a halving. */
export class DownBlock2D extends Module {
  readonly #layers: Layer[] = [];
  readonly #downsampler: Downsample2D | ResnetBlock2D | null;

  constructor(options: DownBlockOptions) {
    super();
    const { inChannels, outChannels, layers, resnet, downsample } = options;
    for (let i = 0; i < layers; i++) {
      const block = new ResnetBlock2D({
        ...resnet,
        inChannels: i === 0 ? inChannels : outChannels,
        outChannels,
      });
      this.child(`resnets.${i}`, block);
      const attention = blockAttention(options);
      if (attention !== null) this.child(`attentions.${i}`, attention);
      this.#layers.push({ resnet: block, attention });
    }
    switch (downsample) {
      case null:
        this.#downsampler = null;
        break;
      case "conv":
        this.#downsampler = new Downsample2D(outChannels, options.downsamplePadding);
        break;
      case "resnet":
        this.#downsampler = new ResnetBlock2D({
          ...resnet,
          inChannels: outChannels,
          outChannels,
          resample: "down",
        });
        break;
    }
    if (this.#downsampler !== null) this.child("downsamplers.0", this.#downsampler);
  }

  /** x [N, H, W, in], temb [N, tembChannels] -> the block's result, and each layer's for the skip connections. */
  forward(x: Tensor, temb: Tensor | null, context: ForwardContext): { hidden: Tensor; skips: Tensor[] } {
    const skips: Tensor[] = [];
    let hidden = x;
    for (const { resnet, attention } of this.#layers) {
      hidden = resnet.forward(hidden, temb, context);
      hidden = attention?.forward(hidden) ?? hidden;
      skips.push(hidden);
    }
    if (this.#downsampler !== null) {
      hidden = this.#downsampler.forward(hidden, temb, context); // [N, H/2, W/2, out]
      skips.push(hidden);
    }
    return { hidden, skips };
  }
}

/** Resnet, attention, resnet at the lowest level. */
export class UNetMidBlock2D extends Module {
  readonly #first: ResnetBlock2D;
  readonly #attention: Attention | null;
  readonly #last: ResnetBlock2D;

  constructor({ channels, attentionHeadDim, attentionGroups, outputScaleFactor, resnet }: MidBlockOptions) {
    super();
    const block = () =>
      new ResnetBlock2D({ ...resnet, inChannels: channels, outChannels: channels, outputScaleFactor });
    this.#first = this.child("resnets.0", block());
    this.#attention =
      attentionHeadDim === null
        ? null
        : this.child(
            "attentions.0",
            new Attention({
              channels,
              headDim: attentionHeadDim,
              normGroups: attentionGroups,
              normEps: resnet.eps,
              rescaleOutputFactor: outputScaleFactor,
            }),
          );
    this.#last = this.child("resnets.1", block());
  }

  /** [N, H, W, C] -> the same shape. */
  forward(x: Tensor, temb: Tensor | null, context: ForwardContext): Tensor {
    const hidden = this.#first.forward(x, temb, context);
    return this.#last.forward(this.#attention?.forward(hidden) ?? hidden, temb, context);
  }
}

/** Resnets (with attention), each over its input and a skip connection, then a doubling. */
export class UpBlock2D extends Module {
  readonly #layers: Layer[] = [];
  readonly #upsampler: Upsample2D | ResnetBlock2D | null;

  constructor(options: UpBlockOptions) {
    super();
    const { inChannels, outChannels, prevOutputChannel, layers, resnet, upsample } = options;
    for (let i = 0; i < layers; i++) {
      const skipChannels = i === layers - 1 ? inChannels : outChannels;
      const hiddenChannels = i === 0 ? prevOutputChannel : outChannels;
      const block = new ResnetBlock2D({ ...resnet, inChannels: hiddenChannels + skipChannels, outChannels });
      this.child(`resnets.${i}`, block);
      const attention = blockAttention(options);
      if (attention !== null) this.child(`attentions.${i}`, attention);
      this.#layers.push({ resnet: block, attention });
    }
    switch (upsample) {
      case null:
        this.#upsampler = null;
        break;
      case "conv":
        this.#upsampler = new Upsample2D(outChannels);
        break;
      case "resnet":
        this.#upsampler = new ResnetBlock2D({
          ...resnet,
          inChannels: outChannels,
          outChannels,
          resample: "up",
        });
        break;
    }
    if (this.#upsampler !== null) this.child("upsamplers.0", this.#upsampler);
  }

  /** Removes as many skip connections from the end of `skips` as it has resnets. */
  forward(x: Tensor, skips: Tensor[], temb: Tensor, context: ForwardContext): Tensor {
    let hidden = x;
    for (const { resnet, attention } of this.#layers) {
      const skip = skips.pop();
      if (skip === undefined) throw new Error("an up block has more resnets than there are skip connections");
      hidden = resnet.forward(concat([hidden, skip], 3), temb, context);
      hidden = attention?.forward(hidden) ?? hidden;
    }
    return this.#upsampler?.forward(hidden, temb, context) ?? hidden;
  }
}
