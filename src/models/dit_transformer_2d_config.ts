// The options of DiTTransformer2DModel: names and defaults of diffusers, camelCase in code and snake_case in config.json.

import * as v from "valibot";
import type { JsonObject } from "../io/diffusers_json.ts";
import { feedForwardNames } from "../nn/feed_forward.ts";
import {
  ConfigReader,
  channels,
  configToJson,
  count,
  MOST,
  ModelConfigError,
  positive,
  probability,
} from "./model_config.ts";

/** Its class name in files. */
export const DIT_CLASS = "DiTTransformer2DModel";
/** The class that files have from before it was one of its own, with the same options. */
export const FORMER_DIT_CLASS = "Transformer2DModel";

const side = count(MOST.pixels);
/** Most patches along one side: attention looks at the square of their square. */
const MOST_PATCHES = 512;

const entries = {
  /** Heads of attention. Default 16. */
  numAttentionHeads: v.optional(channels, 16),
  /** Channels of a head. Default 72. */
  attentionHeadDim: v.optional(channels, 72),
  /** Channels of x_t. Default 4. */
  inChannels: v.optional(channels, 4),
  /** Channels of the prediction; twice `inChannels` where the variance is learned too; null for `inChannels`. */
  outChannels: v.optional(v.nullable(channels), null),
  /** Blocks. Default 28. */
  numLayers: v.optional(count(MOST.layers), 28),
  /** Probability of dropout inside blocks, 0 to below 1. Default 0. */
  dropout: v.optional(probability, 0),
  /** Kept for files: there are no group norms. */
  normNumGroups: v.optional(channels, 32),
  /** Whether queries, keys and values have biases. Default true. */
  attentionBias: v.optional(v.boolean(), true),
  /** Height and width of the latents that the model is meant for, a multiple of `patchSize`. Default 32. */
  sampleSize: v.optional(side, 32),
  /** Height and width of the patches that become tokens. Default 2. */
  patchSize: v.optional(side, 2),
  /** The activation of the blocks' feed-forward layers. Default "gelu-approximate", the GELU by tanh. */
  activationFn: v.optional(v.picklist(feedForwardNames), "gelu-approximate"),
  /** Number of classes; the table has one more row, for none. Default 1000. */
  numEmbedsAdaNorm: v.optional(count(MOST.classes), 1000),
  /** Kept for files: attention is computed in float32 in any case. */
  upcastAttention: v.optional(v.boolean(), false),
  /** Only "ada_norm_zero": timestep and class scale, shift and gate. */
  normType: v.optional(v.literal("ada_norm_zero"), "ada_norm_zero"),
  /** Whether the norm before a feed-forward layer scales and shifts for itself too. Default false. */
  normElementwiseAffine: v.optional(v.boolean(), false),
  /** Added to the variance in that norm. Default 1e-5. */
  normEps: v.optional(positive, 1e-5),
};
type Schema = v.StrictObjectSchema<typeof entries, undefined>;

/** The options of the constructor, all with diffusers' defaults. @interface */
export type DiTTransformer2DOptions = v.InferInput<Schema>;
/** All options, checked. @interface */
export type DiTTransformer2DConfig = Readonly<v.InferOutput<Schema>>;

/** Keys of the JSON form that are floats in Python, for writing 0 as 0.0. */
export const ditFloatKeys: ReadonlySet<string> = new Set(["dropout", "norm_eps"]);

/** Checks options. */
export const ditConfigs = new ConfigReader({
  className: DIT_CLASS,
  formerNames: [FORMER_DIT_CLASS],
  entries,
  checkTogether,
});

/** Reads a config.json. @throws ModelConfigError when it is for another class or an option does not fit */
export function ditConfigFromJson(json: unknown): DiTTransformer2DConfig {
  const { config } = ditConfigs.fromJson(json);
  const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(Object(json)));
  // The class of before has another default.
  if (fields.get("_class_name") === FORMER_DIT_CLASS && !fields.has("norm_type")) {
    throw new ModelConfigError(
      `the config is for a ${FORMER_DIT_CLASS} without norm_type; only those of "ada_norm_zero" are known`,
    );
  }
  return config;
}

/** The contents of config.json as diffusers writes it. */
export const ditConfigToJson = (config: DiTTransformer2DConfig): JsonObject =>
  configToJson(DIT_CLASS, config);

/** Channels of the tokens. */
export const tokenChannels = ({
  numAttentionHeads,
  attentionHeadDim,
}: Pick<DiTTransformer2DConfig, "numAttentionHeads" | "attentionHeadDim">): number =>
  numAttentionHeads * attentionHeadDim;

function checkTogether(config: DiTTransformer2DConfig): void {
  const { sampleSize, patchSize } = config;
  if (tokenChannels(config) > MOST.channels) {
    throw ditConfigs.error(
      `num_attention_heads and attention_head_dim make ${tokenChannels(config)} channels, where ${MOST.channels} are possible`,
    );
  }
  if (sampleSize % patchSize !== 0) {
    throw ditConfigs.error(`sample_size ${sampleSize} is not a multiple of patch_size ${patchSize}`);
  }
  if (sampleSize / patchSize > MOST_PATCHES) {
    throw ditConfigs.error(
      `sample_size ${sampleSize} has ${sampleSize / patchSize} patches of patch_size ${patchSize} along a side, where ${MOST_PATCHES} are possible`,
    );
  }
}
