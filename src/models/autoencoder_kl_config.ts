// The options of AutoencoderKL: names and defaults of diffusers, camelCase in code and snake_case in config.json.

import * as v from "valibot";
import type { JsonObject } from "../io/diffusers_json.ts";
import { activationNames } from "../nn/activations.ts";
import { blockTypeProblem } from "./autoencoder_blocks.ts";
import {
  ConfigReader,
  channels,
  configToJson,
  count,
  finite,
  imageSize,
  MOST,
  perLevel,
  positive,
} from "./model_config.ts";

/** Its class name in files. */
export const AUTOENCODER_KL_CLASS = "AutoencoderKL";

const levelTypes = perLevel(v.string());
const perChannel = <T extends v.GenericSchema>(entry: T) =>
  v.optional(v.nullable(v.pipe(v.array(entry), v.maxLength(MOST.channels))), null);

const entries = {
  /** Channels of an image. Default 3. */
  inChannels: v.optional(channels, 3),
  /** Channels of a decoded image. Default 3. */
  outChannels: v.optional(channels, 3),
  /** One for each level, all DownEncoderBlock2D. */
  downBlockTypes: v.optional(levelTypes, ["DownEncoderBlock2D"]),
  /** One for each level, all UpDecoderBlock2D. */
  upBlockTypes: v.optional(levelTypes, ["UpDecoderBlock2D"]),
  /** Channels of each level, from the image's size to that of the latents. */
  blockOutChannels: v.optional(perLevel(channels), [64]),
  /** Resnets of a level of the encoder; those of the decoder have one more. */
  layersPerBlock: v.optional(count(MOST.layers), 1),
  /** The resnets' activation. Default "silu". */
  actFn: v.optional(v.picklist(activationNames), "silu"),
  /** Channels of the latents. Default 4. */
  latentChannels: v.optional(channels, 4),
  /** Groups of the group norms; must divide their channels. Default 32. */
  normNumGroups: v.optional(channels, 32),
  /** Image size the model is meant for: one number or [height, width]. */
  sampleSize: v.optional(imageSize, 32),
  /** Latents times this have a variance near 1. */
  scalingFactor: v.optional(positive, 0.18215),
  /** Subtracted from latents first; null for nothing. */
  shiftFactor: v.optional(v.nullable(finite), null),
  /** The latents' mean, by channel; null for what the factors above say. */
  latentsMean: perChannel(finite),
  /** The latents' standard deviation, by channel; null for what the factors above say. */
  latentsStd: perChannel(positive),
  /** Kept for files: all is computed in float32, unless a program's precision says otherwise. */
  forceUpcast: v.optional(v.boolean(), true),
  /** Whether a 1 x 1 convolution follows the encoder. */
  useQuantConv: v.optional(v.boolean(), true),
  /** Whether a 1 x 1 convolution precedes the decoder. */
  usePostQuantConv: v.optional(v.boolean(), true),
  /** Attention in the mid blocks. */
  midBlockAddAttention: v.optional(v.boolean(), true),
};
type Schema = v.StrictObjectSchema<typeof entries, undefined>;

/** The options of the constructor, all with diffusers' defaults. @interface */
export type AutoencoderKLOptions = v.InferInput<Schema>;
/** All options, checked. @interface */
export type AutoencoderKLConfig = Readonly<v.InferOutput<Schema>>;

/** Keys of the JSON form that are floats in Python, for writing 0 as 0.0. */
export const autoencoderKLFloatKeys: ReadonlySet<string> = new Set([
  "latents_mean",
  "latents_std",
  "scaling_factor",
  "shift_factor",
]);

/** Reads and checks configs. */
export const autoencoderKLConfigs = new ConfigReader({
  className: AUTOENCODER_KL_CLASS,
  entries,
  checkTogether,
});

function checkTogether(config: AutoencoderKLConfig): void {
  const problem = blockTypeProblem(config);
  if (problem !== undefined) throw autoencoderKLConfigs.error(problem);
  const { latentChannels, latentsMean, latentsStd } = config;
  for (const [name, values] of Object.entries({ latents_mean: latentsMean, latents_std: latentsStd })) {
    if (values !== null && values.length !== latentChannels) {
      throw autoencoderKLConfigs.error(
        `${name} has ${values.length} values, where ${latentChannels} latent_channels want as many`,
      );
    }
  }
  if ((latentsMean === null) !== (latentsStd === null)) {
    throw autoencoderKLConfigs.error("latents_mean and latents_std belong together; give both or none");
  }
}

/** The contents of config.json as diffusers writes it. */
export const autoencoderKLConfigToJson = (config: AutoencoderKLConfig): JsonObject =>
  configToJson(AUTOENCODER_KL_CLASS, config);
