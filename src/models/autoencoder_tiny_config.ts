// The options of AutoencoderTiny: names and defaults of diffusers, camelCase in code and snake_case in config.json.

import * as v from "valibot";
import type { JsonObject } from "../io/diffusers_json.ts";
import { activationNames } from "../nn/activations.ts";
import {
  ConfigReader,
  channels,
  configToJson,
  count,
  finite,
  MOST,
  perLevel,
  positive,
} from "./model_config.ts";

/** Its class name in files. */
export const AUTOENCODER_TINY_CLASS = "AutoencoderTiny";

const counts = perLevel(count(MOST.layers));

const entries = {
  /** Channels of an image. Default 3. */
  inChannels: v.optional(channels, 3),
  /** Channels of a decoded image. Default 3. */
  outChannels: v.optional(channels, 3),
  /** Channels of the encoder's levels, which are all the same. */
  encoderBlockOutChannels: v.optional(perLevel(channels), [64, 64, 64, 64]),
  /** Channels of the decoder's levels, which are all the same. */
  decoderBlockOutChannels: v.optional(perLevel(channels), [64, 64, 64, 64]),
  /** The activation inside residual blocks. Default "relu". */
  actFn: v.optional(v.picklist(activationNames), "relu"),
  /** Only "nearest": how the decoder doubles. */
  upsampleFn: v.optional(v.literal("nearest"), "nearest"),
  /** Channels of the latents. Default 4. */
  latentChannels: v.optional(channels, 4),
  /** Only 2: how much the decoder enlarges from level to level. */
  upsamplingScalingFactor: v.optional(v.literal(2), 2),
  /** Residual blocks of each level of the encoder. */
  numEncoderBlocks: v.optional(counts, [1, 3, 3, 3]),
  /** Residual blocks of each level of the decoder. */
  numDecoderBlocks: v.optional(counts, [3, 3, 3, 1]),
  /** How far latents reach, for those that store them in bytes. */
  latentMagnitude: v.optional(positive, 3),
  /** Where 0 lies among stored latents. */
  latentShift: v.optional(finite, 0.5),
  /** Kept for files: all is computed in float32, unless a program's precision says otherwise. */
  forceUpcast: v.optional(v.boolean(), false),
  /** Only 1: its latents are those of the diffusion model. */
  scalingFactor: v.optional(v.literal(1), 1),
  /** Only 0, too. */
  shiftFactor: v.optional(v.literal(0), 0),
  /** Kept for files, which repeat the decoder's channels here. */
  blockOutChannels: v.optional(v.nullable(perLevel(channels)), null),
};
type Schema = v.StrictObjectSchema<typeof entries, undefined>;

/** The options of the constructor, all with diffusers' defaults. @interface */
export type AutoencoderTinyOptions = v.InferInput<Schema>;
/** All options, checked. @interface */
export type AutoencoderTinyConfig = Readonly<v.InferOutput<Schema>>;

/** Keys of the JSON form that are floats in Python, for writing 0 as 0.0. */
export const autoencoderTinyFloatKeys: ReadonlySet<string> = new Set([
  "latent_shift",
  "scaling_factor",
  "shift_factor",
]);

/** Reads and checks configs. */
export const autoencoderTinyConfigs = new ConfigReader({
  className: AUTOENCODER_TINY_CLASS,
  entries,
  checkTogether,
});

function checkTogether(config: AutoencoderTinyConfig): void {
  const sides = {
    encoder: { widths: config.encoderBlockOutChannels, blocks: config.numEncoderBlocks },
    decoder: { widths: config.decoderBlockOutChannels, blocks: config.numDecoderBlocks },
  };
  for (const [side, { widths, blocks }] of Object.entries(sides)) {
    if (widths.length !== blocks.length) {
      throw autoencoderTinyConfigs.error(
        `${widths.length} ${side}_block_out_channels want as many num_${side}_blocks, got ${blocks.length}`,
      );
    }
    if (new Set(widths).size > 1) {
      throw autoencoderTinyConfigs.error(
        `${side}_block_out_channels differ from level to level; its levels have the same number`,
      );
    }
  }
  const { numEncoderBlocks, numDecoderBlocks } = config;
  if (numEncoderBlocks.length !== numDecoderBlocks.length) {
    throw autoencoderTinyConfigs.error(
      `an encoder of ${numEncoderBlocks.length} levels and a decoder of ${numDecoderBlocks.length} do not fit together; give both as many`,
    );
  }
}

/** The contents of config.json as diffusers writes it. */
export const autoencoderTinyConfigToJson = (config: AutoencoderTinyConfig): JsonObject =>
  configToJson(AUTOENCODER_TINY_CLASS, { ...config, blockOutChannels: config.decoderBlockOutChannels });
