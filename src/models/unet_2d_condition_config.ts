// The options of UNet2DConditionModel: names and defaults of diffusers, camelCase in code and snake_case in config.json.

import * as v from "valibot";
import type { JsonObject } from "../io/diffusers_json.ts";
import { activationNames } from "../nn/activations.ts";
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
  probability,
} from "./model_config.ts";

/** Its class name in files. */
export const UNET_2D_CONDITION_CLASS = "UNet2DConditionModel";

/** Most values in all weights; SDXL has 2.6 G. */
export const MOST_PARAMETERS = 2 ** 33;
/** Most blocks of all transformers together; SDXL has 70. */
const MOST_TRANSFORMER_BLOCKS = 1024;
const MOST_KERNEL = 15;

const levelTypes = perLevel(v.string());
/** One value for all levels, or one for each. */
const perLevelOr = <T extends v.GenericSchema>(entry: T) => v.union([entry, perLevel(entry)]);
/** An option of which only the usual value is supported. */
const only = <T extends string | number | boolean>(value: T) => v.optional(v.literal(value), value);
const onlyNull = v.optional(v.null(), null);
const kernel = v.pipe(
  count(MOST_KERNEL),
  v.check((size) => size % 2 === 1, "an odd number was expected"),
);

const entries = {
  /** Size of the latents that the model is meant for: one number or [height, width]. Only pipelines read it. */
  sampleSize: v.optional(v.nullable(imageSize), null),
  /** Channels of x_t: 1 to 65536. Default 4. */
  inChannels: v.optional(channels, 4),
  /** Channels of the prediction. Default 4. */
  outChannels: v.optional(channels, 4),
  /** Maps an input in [0, 1] to [-1, 1] first. */
  centerInputSample: v.optional(v.boolean(), false),
  /** Puts the cosines before the sines in the time embedding. Default true. */
  flipSinToCos: v.optional(v.boolean(), true),
  /** Frequency i of the time embedding is 10000^(-i / (width / 2 - freqShift)). Default 0. */
  freqShift: v.optional(finite, 0),
  /** One for each level: DownBlock2D, or CrossAttnDownBlock2D with transformers. */
  downBlockTypes: v.optional(levelTypes, [
    "CrossAttnDownBlock2D",
    "CrossAttnDownBlock2D",
    "CrossAttnDownBlock2D",
    "DownBlock2D",
  ]),
  /** null for no mid block. */
  midBlockType: v.optional(v.nullable(v.literal("UNetMidBlock2DCrossAttn")), "UNetMidBlock2DCrossAttn"),
  /** One for each level, back up: UpBlock2D, or CrossAttnUpBlock2D with transformers. */
  upBlockTypes: v.optional(levelTypes, [
    "UpBlock2D",
    "CrossAttnUpBlock2D",
    "CrossAttnUpBlock2D",
    "CrossAttnUpBlock2D",
  ]),
  /** Only false: transformers see their own tokens, then the condition. */
  onlyCrossAttention: v.optional(perLevelOr(v.literal(false)), false),
  /** Channels of each level, from the full size down. */
  blockOutChannels: v.optional(perLevel(channels), [320, 640, 1280, 1280]),
  /** Resnets of a down block; up blocks have one more. */
  layersPerBlock: v.optional(perLevelOr(count(MOST.layers)), 2),
  /** 1 pads all sides before halving; 0 pads below and right only. */
  downsamplePadding: v.optional(v.picklist([0, 1]), 1),
  /** The mid block's resnets divide by this. */
  midBlockScaleFactor: v.optional(positive, 1),
  /** Probability of dropout inside resnets, 0 to below 1. Default 0. */
  dropout: v.optional(probability, 0),
  /** The activation of resnets and of the time embedding. Default "silu". */
  actFn: v.optional(v.picklist(activationNames), "silu"),
  /** Groups of the group norms; must divide their channels. Default 32. */
  normNumGroups: v.optional(channels, 32),
  /** Added to the variance in norms. Default 1e-5. */
  normEps: v.optional(positive, 1e-5),
  /** Channels of the condition's tokens; one number, or the same for each level. */
  crossAttentionDim: v.optional(perLevelOr(channels), 1280),
  /** Blocks of each transformer: one number, or one for each level. */
  transformerLayersPerBlock: v.optional(perLevelOr(count(MOST.layers)), 1),
  /** Only null: up blocks have as many as down blocks. */
  reverseTransformerLayersPerBlock: onlyNull,
  /** Only null: the condition is seen as it is given. */
  encoderHidDim: onlyNull,
  /** Only null, too. */
  encoderHidDimType: onlyNull,
  /** The number of attention heads, in spite of its name: one number, or one for each level. */
  attentionHeadDim: v.optional(perLevelOr(channels), 8),
  /** Only null: `attentionHeadDim` has the number. */
  numAttentionHeads: onlyNull,
  /** Only false: one condition. */
  dualCrossAttention: only(false),
  /** Whether transformers have linear layers around their blocks, or 1 x 1 convolutions. Default false. */
  useLinearProjection: v.optional(v.boolean(), false),
  /** How classes are embedded: like timesteps, as given vectors, as projected vectors, or, if null, by a table. */
  classEmbedType: v.optional(v.nullable(v.picklist(["timestep", "identity", "projection"])), null),
  /** "text_time" adds an embedding of the whole prompt and of sizes (SDXL). */
  additionEmbedType: v.optional(v.nullable(v.literal("text_time")), null),
  /** Features of each of `timeIds`. */
  additionTimeEmbedDim: v.optional(v.nullable(channels), null),
  /** Rows of the table of classes. */
  numClassEmbeds: v.optional(v.nullable(count(MOST.classes)), null),
  /** Kept for files: attention is computed in float32 in any case. */
  upcastAttention: v.optional(v.boolean(), false),
  /** Whether the time embedding is added, or scales and shifts (FiLM). Default "default": added. */
  resnetTimeScaleShift: v.optional(v.picklist(["default", "scale_shift"]), "default"),
  /** Only false: resnets apply the activation to the time embedding. */
  resnetSkipTimeAct: only(false),
  /** Only 1: sums with residuals stay as they are. */
  resnetOutScaleFactor: only(1),
  /** Only "positional": sines of the timestep. */
  timeEmbeddingType: only("positional"),
  /** Width of the time embedding; null for 4 · blockOutChannels[0]. */
  timeEmbeddingDim: v.optional(v.nullable(channels), null),
  /** Only null: no activation after the sum of all embeddings. */
  timeEmbeddingActFn: onlyNull,
  /** Only null: no activation after the time embedding. */
  timestepPostAct: onlyNull,
  /** Width of `timestepCond`, the embedded guidance scale of latent consistency models; null for none. */
  timeCondProjDim: v.optional(v.nullable(channels), null),
  /** Height and width of the first convolution, odd. Default 3. */
  convInKernel: v.optional(kernel, 3),
  /** Height and width of the last convolution, odd. Default 3. */
  convOutKernel: v.optional(kernel, 3),
  /** Width of what "projection" and "text_time" project: of the text and all features of `timeIds` together. */
  projectionClassEmbeddingsInputDim: v.optional(v.nullable(channels), null),
  /** Only "default": self-attention, then cross-attention. */
  attentionType: only("default"),
  /** Only false: embeddings are added up. */
  classEmbeddingsConcat: only(false),
  /** Only null or false, as `onlyCrossAttention`. */
  midBlockOnlyCrossAttention: v.optional(v.nullable(v.literal(false)), null),
  /** Only null: the condition is not normed. */
  crossAttentionNorm: onlyNull,
  /** Kept for files: it belongs to embeddings that are not supported. */
  additionEmbedTypeNumHeads: v.optional(channels, 64),
};
type Schema = v.StrictObjectSchema<typeof entries, undefined>;

/** The options of the constructor, all with diffusers' defaults. @interface */
export type UNet2DConditionOptions = v.InferInput<Schema>;
/** All options, checked. @interface */
export type UNet2DConditionConfig = Readonly<v.InferOutput<Schema>>;

/** Keys of the JSON form that are floats in Python, for writing 0 as 0.0. */
export const unet2DConditionFloatKeys: ReadonlySet<string> = new Set([
  "dropout",
  "norm_eps",
  "resnet_out_scale_factor",
]);

/** Reads and checks configs. */
export const unet2DConditionConfigs = new ConfigReader({
  className: UNET_2D_CONDITION_CLASS,
  entries,
  checkTogether,
});

/** What an option of all levels, or of each, is at one of them. */
export const atLevel = (option: number | readonly number[], level: number): number =>
  typeof option === "number" ? option : option[level];

/** The contents of config.json as diffusers writes it. */
export const unet2DConditionConfigToJson = (config: UNet2DConditionConfig): JsonObject =>
  configToJson(UNET_2D_CONDITION_CLASS, config);

function checkTogether(config: UNet2DConditionConfig): void {
  const levels = config.blockOutChannels.length;
  const lists = {
    down_block_types: config.downBlockTypes,
    up_block_types: config.upBlockTypes,
    only_cross_attention: config.onlyCrossAttention,
    layers_per_block: config.layersPerBlock,
    cross_attention_dim: config.crossAttentionDim,
    transformer_layers_per_block: config.transformerLayersPerBlock,
    attention_head_dim: config.attentionHeadDim,
  };
  for (const [name, list] of Object.entries(lists)) {
    if (Array.isArray(list) && list.length !== levels) {
      throw unet2DConditionConfigs.error(
        `${levels} block_out_channels want as many ${name}, got ${list.length}`,
      );
    }
  }
  const { crossAttentionDim, additionEmbedType, classEmbedType } = config;
  if (Array.isArray(crossAttentionDim) && new Set(crossAttentionDim).size > 1) {
    throw unet2DConditionConfigs.error(
      "cross_attention_dim differs from level to level; only one is supported",
    );
  }
  let blocks = 0;
  for (let level = 0; level < levels; level++) {
    blocks += atLevel(config.layersPerBlock, level) * atLevel(config.transformerLayersPerBlock, level);
  }
  if (blocks > MOST_TRANSFORMER_BLOCKS) {
    throw unet2DConditionConfigs.error(
      `layers_per_block and transformer_layers_per_block make ${blocks} blocks of transformers, where ${MOST_TRANSFORMER_BLOCKS} are possible`,
    );
  }
  const isProjected = classEmbedType === "projection" || additionEmbedType === "text_time";
  if (isProjected && config.projectionClassEmbeddingsInputDim === null) {
    throw unet2DConditionConfigs.error(
      "class_embed_type projection and addition_embed_type text_time want projection_class_embeddings_input_dim",
    );
  }
  if (additionEmbedType === "text_time" && config.additionTimeEmbedDim === null) {
    throw unet2DConditionConfigs.error("addition_embed_type text_time wants addition_time_embed_dim");
  }
}
