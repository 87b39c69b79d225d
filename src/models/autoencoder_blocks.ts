// Encoder and decoder of the autoencoders of latent diffusion (Esser et al. 2021, Rombach et al. 2022).

import type { Tensor } from "../engine/tensor.ts";
import { plain } from "../io/plain.ts";
import { type ActivationName, silu } from "../nn/activations.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { evaluation } from "../nn/forward_context.ts";
import { GroupNorm } from "../nn/group_norm.ts";
import { Module } from "../nn/module.ts";
import { ResnetBlock2D } from "../nn/resnet_block_2d.ts";
import { Upsample2D } from "../nn/upsample_2d.ts";
import { DownBlock2D, type ResnetSettings, UNetMidBlock2D } from "./unet_2d_blocks.ts";

/** Sizes of an encoder or a decoder. */
export interface CoderOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  /** One for each level, from the image's size to that of the latents. */
  readonly blockOutChannels: readonly number[];
  /** Resnets of a level of the encoder; those of the decoder have one more. */
  readonly layersPerBlock: number;
  readonly normNumGroups: number;
  readonly actFn: ActivationName;
  readonly midBlockAddAttention: boolean;
}

const EPS = 1e-6;

const resnetSettings = ({ normNumGroups, actFn }: CoderOptions): ResnetSettings => ({
  tembChannels: null,
  groups: normNumGroups,
  eps: EPS,
  actFn,
  timeScaleShift: "default",
  dropout: 0,
});

const conv3x3 = (inChannels: number, outChannels: number): Conv2d =>
  new Conv2d({ inChannels, outChannels, kernelSize: 3, padding: 1 });

function midBlock(options: CoderOptions): UNetMidBlock2D {
  const channels = options.blockOutChannels[options.blockOutChannels.length - 1];
  return new UNetMidBlock2D({
    channels,
    attentionHeadDim: options.midBlockAddAttention ? channels : null,
    attentionGroups: options.normNumGroups,
    outputScaleFactor: 1,
    resnet: resnetSettings(options),
  });
}

/** Images [N, H, W, in] to [N, H / f, W / f, out], f being 2 for each level but the last (diffusers' Encoder). */
export class Encoder extends Module {
  readonly #convIn: Conv2d;
  readonly #downBlocks: readonly DownBlock2D[];
  readonly #midBlock: UNetMidBlock2D;
  readonly #convNormOut: GroupNorm;
  readonly #convOut: Conv2d;

  /** @throws RangeError where sizes do not fit */
  constructor(options: CoderOptions) {
    super();
    const { inChannels, outChannels, blockOutChannels, normNumGroups: groups } = options;
    const last = blockOutChannels.length - 1;
    const channels = blockOutChannels[last];
    this.#convIn = this.child("conv_in", conv3x3(inChannels, blockOutChannels[0]));
    this.#downBlocks = blockOutChannels.map((own, level) =>
      this.child(
        `down_blocks.${level}`,
        new DownBlock2D({
          inChannels: blockOutChannels[Math.max(level - 1, 0)],
          outChannels: own,
          layers: options.layersPerBlock,
          attentionHeadDim: null,
          downsample: level === last ? null : "conv",
          downsamplePadding: 0,
          resnet: resnetSettings(options),
        }),
      ),
    );
    this.#midBlock = this.child("mid_block", midBlock(options));
    this.#convNormOut = this.child("conv_norm_out", new GroupNorm({ groups, channels, eps: EPS }));
    this.#convOut = this.child("conv_out", conv3x3(channels, outChannels));
  }

  forward(x: Tensor): Tensor {
    let hidden = this.#convIn.forward(x);
    for (const block of this.#downBlocks) hidden = block.forward(hidden, null, evaluation).hidden;
    hidden = this.#midBlock.forward(hidden, null, evaluation);
    return this.#convOut.forward(silu(this.#convNormOut.forward(hidden)));
  }
}

/** Latents [N, h, w, in] to images [N, f h, f w, out], f being 2 for each level but the last (diffusers' Decoder). */
export class Decoder extends Module {
  readonly #convIn: Conv2d;
  readonly #midBlock: UNetMidBlock2D;
  readonly #upBlocks: readonly UpDecoderBlock2D[];
  readonly #convNormOut: GroupNorm;
  readonly #convOut: Conv2d;

  /** @throws RangeError where sizes do not fit */
  constructor(options: CoderOptions) {
    super();
    const { inChannels, outChannels, layersPerBlock, normNumGroups: groups } = options;
    const upwards = options.blockOutChannels.toReversed();
    const channels = upwards[upwards.length - 1];
    this.#convIn = this.child("conv_in", conv3x3(inChannels, upwards[0]));
    this.#midBlock = this.child("mid_block", midBlock(options));
    this.#upBlocks = upwards.map((own, i) =>
      this.child(
        `up_blocks.${i}`,
        new UpDecoderBlock2D({
          inChannels: upwards[Math.max(i - 1, 0)],
          outChannels: own,
          layers: layersPerBlock + 1,
          upsample: i < upwards.length - 1,
          resnet: resnetSettings(options),
        }),
      ),
    );
    this.#convNormOut = this.child("conv_norm_out", new GroupNorm({ groups, channels, eps: EPS }));
    this.#convOut = this.child("conv_out", conv3x3(channels, outChannels));
  }

  forward(latents: Tensor): Tensor {
    let hidden = this.#midBlock.forward(this.#convIn.forward(latents), null, evaluation);
    for (const block of this.#upBlocks) hidden = block.forward(hidden);
    return this.#convOut.forward(silu(this.#convNormOut.forward(hidden)));
  }
}

interface UpDecoderOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly layers: number;
  /** Whether it doubles the image. */
  readonly upsample: boolean;
  readonly resnet: ResnetSettings;
}

/** Resnets, then a doubling: [N, H, W, in] -> [N, 2H, 2W, out]. */
class UpDecoderBlock2D extends Module {
  readonly #resnets: readonly ResnetBlock2D[];
  readonly #upsampler: Upsample2D | null;

  constructor({ inChannels, outChannels, layers, upsample, resnet }: UpDecoderOptions) {
    super();
    this.#resnets = Array.from({ length: layers }, (_, i) =>
      this.child(
        `resnets.${i}`,
        new ResnetBlock2D({ ...resnet, inChannels: i === 0 ? inChannels : outChannels, outChannels }),
      ),
    );
    this.#upsampler = upsample ? this.child("upsamplers.0", new Upsample2D(outChannels)) : null;
  }

  forward(x: Tensor): Tensor {
    let hidden = x;
    for (const resnet of this.#resnets) hidden = resnet.forward(hidden, null, evaluation);
    return this.#upsampler?.forward(hidden) ?? hidden;
  }
}

/** The block types of a config, all of which are known by one name. */
interface CoderBlockTypes {
  readonly blockOutChannels: readonly number[];
  readonly downBlockTypes: readonly string[];
  readonly upBlockTypes: readonly string[];
}

/** What is wrong with a config's block types; undefined if nothing is. */
export function blockTypeProblem(config: CoderBlockTypes): string | undefined {
  const levels = config.blockOutChannels.length;
  const lists = {
    down_block_types: { types: config.downBlockTypes, known: "DownEncoderBlock2D" },
    up_block_types: { types: config.upBlockTypes, known: "UpDecoderBlock2D" },
  };
  for (const [name, { types, known }] of Object.entries(lists)) {
    if (types.length !== levels)
      return `${levels} block_out_channels want as many ${name}, got ${types.length}`;
    const unknown = types.find((type) => type !== known);
    if (unknown !== undefined) return `unknown block type ${plain(unknown)} in ${name}; known is ${known}`;
  }
  return undefined;
}
