// The levels of a conditional UNet that see the condition: resnets, each followed by a transformer.

import { concat, type Tensor } from "../engine/tensor.ts";
import { Downsample2D } from "../nn/downsample_2d.ts";
import type { ForwardContext } from "../nn/forward_context.ts";
import { Module } from "../nn/module.ts";
import { ResnetBlock2D } from "../nn/resnet_block_2d.ts";
import { Transformer2DModel } from "../nn/transformer_2d_model.ts";
import { Upsample2D } from "../nn/upsample_2d.ts";
import type { ResnetSettings } from "./unet_2d_blocks.ts";

/** Settings shared by all transformers of a block. */
export interface TransformerSettings {
  readonly heads: number;
  /** Blocks of each transformer. */
  readonly layers: number;
  readonly crossAttentionDim: number;
  readonly useLinearProjection: boolean;
}

interface BlockOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly layers: number;
  readonly resnet: ResnetSettings;
  readonly transformer: TransformerSettings;
}

/** Sizes of a block on the way down. */
export interface CrossAttnDownOptions extends BlockOptions {
  /** Whether it halves the image. */
  readonly downsample: boolean;
  readonly downsamplePadding: 0 | 1;
}

/** Sizes of a block on the way up. */
export interface CrossAttnUpOptions extends BlockOptions {
  /** Channels of the input from the block below; `inChannels` are those of the level above. */
  readonly prevOutputChannel: number;
  /** Whether it doubles the image. */
  readonly upsample: boolean;
}

/** Sizes of the block at the lowest level. */
export interface CrossAttnMidOptions {
  readonly channels: number;
  readonly outputScaleFactor: number;
  readonly resnet: ResnetSettings;
  readonly transformer: TransformerSettings;
}

interface Layer {
  readonly resnet: ResnetBlock2D;
  readonly transformer: Transformer2DModel;
}

const transformerOf = (
  channels: number,
  { groups }: ResnetSettings,
  settings: TransformerSettings,
): Transformer2DModel => new Transformer2DModel({ ...settings, channels, normGroups: groups });

/** Resnets with transformers, then a halving. */
export class CrossAttnDownBlock2D extends Module {
  readonly #layers: readonly Layer[];
  readonly #downsampler: Downsample2D | null;

  constructor(options: CrossAttnDownOptions) {
    super();
    const { outChannels, resnet, transformer } = options;
    this.#layers = Array.from({ length: options.layers }, (_, i) => {
      const inChannels = i === 0 ? options.inChannels : outChannels;
      return {
        resnet: this.child(`resnets.${i}`, new ResnetBlock2D({ ...resnet, inChannels, outChannels })),
        transformer: this.child(`attentions.${i}`, transformerOf(outChannels, resnet, transformer)),
      };
    });
    this.#downsampler = options.downsample
      ? this.child("downsamplers.0", new Downsample2D(outChannels, options.downsamplePadding))
      : null;
  }

  /**
   * @param x [N, H, W, in]
   * @param temb [N, tembChannels]
   * @param condition [N, S, crossAttentionDim]
   * @returns the block's result, and each layer's for the skip connections
   */
  forward(
    x: Tensor,
    temb: Tensor,
    context: ForwardContext,
    condition: Tensor,
  ): { hidden: Tensor; skips: Tensor[] } {
    const skips: Tensor[] = [];
    let hidden = x;
    for (const { resnet, transformer } of this.#layers) {
      hidden = transformer.forward(resnet.forward(hidden, temb, context), condition);
      skips.push(hidden);
    }
    if (this.#downsampler !== null) {
      hidden = this.#downsampler.forward(hidden); // [N, H/2, W/2, out]
      skips.push(hidden);
    }
    return { hidden, skips };
  }
}

/** Resnet, transformer, resnet at the lowest level. */
export class UNetMidBlock2DCrossAttn extends Module {
  readonly #first: ResnetBlock2D;
  readonly #transformer: Transformer2DModel;
  readonly #last: ResnetBlock2D;

  constructor({ channels, outputScaleFactor, resnet, transformer }: CrossAttnMidOptions) {
    super();
    const block = () =>
      new ResnetBlock2D({ ...resnet, inChannels: channels, outChannels: channels, outputScaleFactor });
    this.#first = this.child("resnets.0", block());
    this.#transformer = this.child("attentions.0", transformerOf(channels, resnet, transformer));
    this.#last = this.child("resnets.1", block());
  }

  /** x [N, H, W, C], condition [N, S, crossAttentionDim] -> [N, H, W, C]. */
  forward(x: Tensor, temb: Tensor, context: ForwardContext, condition: Tensor): Tensor {
    const hidden = this.#transformer.forward(this.#first.forward(x, temb, context), condition);
    return this.#last.forward(hidden, temb, context);
  }
}

/** Resnets with transformers, each over its input and a skip connection, then a doubling. */
export class CrossAttnUpBlock2D extends Module {
  readonly #layers: readonly Layer[];
  readonly #upsampler: Upsample2D | null;

  constructor(options: CrossAttnUpOptions) {
    super();
    const { outChannels, layers, resnet, transformer } = options;
    this.#layers = Array.from({ length: layers }, (_, i) => {
      const skipChannels = i === layers - 1 ? options.inChannels : outChannels;
      const inChannels = (i === 0 ? options.prevOutputChannel : outChannels) + skipChannels;
      return {
        resnet: this.child(`resnets.${i}`, new ResnetBlock2D({ ...resnet, inChannels, outChannels })),
        transformer: this.child(`attentions.${i}`, transformerOf(outChannels, resnet, transformer)),
      };
    });
    this.#upsampler = options.upsample ? this.child("upsamplers.0", new Upsample2D(outChannels)) : null;
  }

  /** Removes as many skip connections from the end of `skips` as it has resnets. */
  forward(x: Tensor, skips: Tensor[], temb: Tensor, context: ForwardContext, condition: Tensor): Tensor {
    let hidden = x;
    for (const { resnet, transformer } of this.#layers) {
      const skip = skips.pop();
      if (skip === undefined) throw new Error("an up block has more resnets than there are skip connections");
      hidden = transformer.forward(resnet.forward(concat([hidden, skip], 3), temb, context), condition);
    }
    return this.#upsampler?.forward(hidden) ?? hidden;
  }
}
