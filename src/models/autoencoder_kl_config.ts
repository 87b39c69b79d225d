// The options of AutoencoderKL: names and defaults of diffusers, camelCase in code and snake_case in config.json.

import * as v from "valibot";
import type { JsonObject } from "../io/diffusers_json.ts";
import { blockTypeProblem } from "./autoencoder_blocks.ts";
import { levelEntries } from "./autoencoder_levels.ts";
import { ConfigReader, channels, configToJson, finite, imageSize, MOST, positive } from "./model_config.ts";

/** Its class name in files. */
export const AUTOENCODER_KL_CLASS = "AutoencoderKL";

const perChannel = <T extends v.GenericSchema>(entry: T) =>
  v.optional(v.nullable(v.pipe(v.array(entry), v.maxLength(MOST.channels))), null);

const entries = {
  ...levelEntries,
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
