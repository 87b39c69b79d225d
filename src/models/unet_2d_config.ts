// The options of UNet2DModel: names and defaults of diffusers, camelCase in code and snake_case in config.json.

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

export { ModelConfigError } from "./model_config.ts";

/** Its class name in files. */
export const UNET_2D_CLASS = "UNet2DModel";

/** Most values in all weights: 4 GiB of them, which is all the memory that a program has. */
export const MOST_PARAMETERS = 2 ** 30;

const counts = perLevel(channels);
const blockTypes = perLevel(v.string());

const entries = {
  /** Image size the model is meant for: one number or [height, width]. Only pipelines read it. */
  sampleSize: v.optional(v.nullable(imageSize), null),
  /** Channels of an image: 1 to 65536. Default 3. */
  inChannels: v.optional(channels, 3),
  /** Channels of the prediction; twice `inChannels` where the variance is learned too. Default 3. */
  outChannels: v.optional(channels, 3),
  /** Maps an input in [0, 1] to [-1, 1] first. */
  centerInputSample: v.optional(v.boolean(), false),
  /** Features of the timestep: sines, sines of random frequencies (noise levels), or a table. Default "positional". */
  timeEmbeddingType: v.optional(v.picklist(["positional", "fourier", "learned"]), "positional"),
  /** Width of the time embedding; null for 4 · blockOutChannels[0]. */
  timeEmbeddingDim: v.optional(v.nullable(channels), null),
  /** Frequency i of "positional" is 10000^(-i / (width / 2 - freqShift)). Default 0. */
  freqShift: v.optional(finite, 0),
  /** Puts the cosines before the sines. Default true. */
  flipSinToCos: v.optional(v.boolean(), true),
  /** One for each level, from the full image down. Default: a DownBlock2D and three AttnDownBlock2D. */
  downBlockTypes: v.optional(blockTypes, [
    "DownBlock2D",
    "AttnDownBlock2D",
    "AttnDownBlock2D",
    "AttnDownBlock2D",
  ]),
  /** null for no mid block. Default "UNetMidBlock2D". */
  midBlockType: v.optional(v.nullable(v.string()), "UNetMidBlock2D"),
  /** One for each level, back up. Default: three AttnUpBlock2D and an UpBlock2D. */
  upBlockTypes: v.optional(blockTypes, ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"]),
  /** Channels of each level, from the full image down. */
  blockOutChannels: v.optional(counts, [224, 448, 672, 896]),
  /** Resnets of a down block; up blocks have one more. */
  layersPerBlock: v.optional(count(MOST.layers), 2),
  /** The mid block's resnets and attention divide by this. */
  midBlockScaleFactor: v.optional(positive, 1),
  /** 1 pads all sides before halving; 0 pads below and right only (the google/ddpm checkpoints). */
  downsamplePadding: v.optional(v.picklist([0, 1]), 1),
  /** How a level halves the image: a convolution of stride 2, or a resnet. Default "conv". */
  downsampleType: v.optional(v.picklist(["conv", "resnet"]), "conv"),
  /** How a level doubles the image: nearest pixels and a convolution, or a resnet. Default "conv". */
  upsampleType: v.optional(v.picklist(["conv", "resnet"]), "conv"),
  /** Probability of dropout inside resnets, 0 to below 1. Default 0. */
  dropout: v.optional(probability, 0),
  /** The activation of resnets and of the time embedding. Default "silu". */
  actFn: v.optional(v.picklist(activationNames), "silu"),
  /** Channels of one attention head; null for one head of all channels. */
  attentionHeadDim: v.optional(v.nullable(channels), 8),
  /** Groups of the group norms; must divide their channels. Default 32. */
  normNumGroups: v.optional(channels, 32),
  /** Groups of the mid attention's norm; null for normNumGroups, or no norm with "scale_shift". */
  attnNormNumGroups: v.optional(v.nullable(channels), null),
  /** Added to the variance in norms. Default 1e-5. */
  normEps: v.optional(positive, 1e-5),
  /** Whether the time embedding is added, or scales and shifts (FiLM). Default "default": added. */
  resnetTimeScaleShift: v.optional(v.picklist(["default", "scale_shift"]), "default"),
  /** Attention in the mid block. */
  addAttention: v.optional(v.boolean(), true),
  /** How classes are embedded: like timesteps, as given vectors, or, if null, by a table of `numClassEmbeds` rows. */
  classEmbedType: v.optional(v.nullable(v.picklist(["timestep", "identity"])), null),
  /** Number of classes of a class-conditional model. */
  numClassEmbeds: v.optional(v.nullable(count(MOST.classes)), null),
  /** Rows of a "learned" time embedding. */
  numTrainTimesteps: v.optional(v.nullable(count(MOST.timesteps)), null),
};
type Schema = v.StrictObjectSchema<typeof entries, undefined>;

/** The options of the constructor, all with diffusers' defaults. @interface */
export type UNet2DOptions = v.InferInput<Schema>;
/** All options, checked. @interface */
export type UNet2DConfig = Readonly<v.InferOutput<Schema>>;

/** Keys of the JSON form that are floats in Python, for writing 0 as 0.0. */
export const unet2DFloatKeys: ReadonlySet<string> = new Set(["dropout", "norm_eps"]);

/** Reads and checks configs. */
export const unet2DConfigs = new ConfigReader({ className: UNET_2D_CLASS, entries, checkTogether });

function checkTogether(config: UNet2DConfig): void {
  const levels = config.blockOutChannels.length;
  for (const types of [config.downBlockTypes, config.upBlockTypes]) {
    if (types.length !== levels) {
      throw unet2DConfigs.error(
        `${levels} block_out_channels want as many down_block_types and up_block_types, got ${config.downBlockTypes.length} and ${config.upBlockTypes.length}`,
      );
    }
  }
  if (config.timeEmbeddingType === "learned" && config.numTrainTimesteps === null) {
    throw unet2DConfigs.error("a learned time embedding wants num_train_timesteps (the number of rows)");
  }
}

/** The contents of config.json as diffusers writes it. */
export const unet2DConfigToJson = (config: UNet2DConfig): JsonObject => configToJson(UNET_2D_CLASS, config);
