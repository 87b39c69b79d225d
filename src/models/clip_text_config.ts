// The options of CLIP's text models: names and defaults of transformers, camelCase in code and snake_case in config.json.

import * as v from "valibot";
import type { JsonObject } from "../io/diffusers_json.ts";
import { shown } from "../io/plain.ts";
import { hiddenActivationNames } from "../nn/activations.ts";
import { ConfigReader, channels, count, finite, MOST, positive, withSnakeKeys } from "./model_config.ts";

/** Its name in files. */
const MODEL_TYPE = "clip_text_model";
/** Longest text. */
const MOST_TOKENS = 2 ** 12;
const MOST_LAYERS = 64;

const token = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MOST.classes));

const entries = {
  /** Number of tokens that exist. */
  vocabSize: v.optional(count(MOST.classes), 49408),
  /** D, the width of a token. */
  hiddenSize: v.optional(channels, 512),
  /** Width of the perceptron in each layer. */
  intermediateSize: v.optional(channels, 2048),
  /** P, the width of the projected text. */
  projectionDim: v.optional(v.nullable(channels), 512),
  /** Number of transformer layers: 1 to 64. */
  numHiddenLayers: v.optional(count(MOST_LAYERS), 12),
  /** A divisor of `hiddenSize`. */
  numAttentionHeads: v.optional(channels, 8),
  /** Most tokens of a text. */
  maxPositionEmbeddings: v.optional(count(MOST_TOKENS), 77),
  /** The perceptrons' activation. Default "quick_gelu". */
  hiddenAct: v.optional(v.picklist(hiddenActivationNames), "quick_gelu"),
  /** Added to the variance in norms. */
  layerNormEps: v.optional(positive, 1e-5),
  /** Only 0: attention without dropout. */
  attentionDropout: v.optional(v.literal(0), 0),
  /** Kept for files; the initial values of a new model do not depend on it. */
  initializerRange: v.optional(finite, 0.02),
  /** Kept for files, too. */
  initializerFactor: v.optional(finite, 1),
  /** The token that fills up short texts. */
  padTokenId: v.optional(v.nullable(token), 1),
  /** The token before a text. */
  bosTokenId: v.optional(v.nullable(token), 49406),
  /** The token after a text, whose output is the pooled one; 2, as in old files, for the highest token of a text. */
  eosTokenId: v.optional(token, 49407),
};
type Schema = v.StrictObjectSchema<typeof entries, undefined>;

/** The options of the constructor, all with transformers' defaults. @interface */
export type CLIPTextOptions = v.InferInput<Schema>;
/** All options, checked. @interface */
export type CLIPTextConfig = Readonly<v.InferOutput<Schema>>;

/** Keys of the JSON form that are floats in Python, for writing 0 as 0.0. */
export const clipTextFloatKeys: ReadonlySet<string> = new Set([
  "attention_dropout",
  "initializer_factor",
  "initializer_range",
  "layer_norm_eps",
]);

/** Reads and checks configs. */
export const clipTextConfigs = new ConfigReader({ className: "CLIPTextModel", entries, checkTogether });

function checkTogether({ hiddenSize, numAttentionHeads }: CLIPTextConfig): void {
  if (hiddenSize % numAttentionHeads === 0) return;
  throw clipTextConfigs.error(
    `a hidden_size of ${hiddenSize} cannot be shared out among ${numAttentionHeads} num_attention_heads; choose a divisor of it`,
  );
}

/** From a config.json's contents. @throws ModelConfigError when it is for another model or does not fit */
export function clipTextConfigFromJson(json: unknown): CLIPTextConfig {
  const { config } = clipTextConfigs.fromJson(json);
  const type =
    typeof json === "object" && json !== null && "model_type" in json ? json.model_type : MODEL_TYPE;
  if (type === MODEL_TYPE) return config;
  throw clipTextConfigs.error(`the config is for the model_type ${shown(type)}; only ${MODEL_TYPE} is known`);
}

/** The contents of config.json as transformers writes it. */
export const clipTextConfigToJson = (className: string, config: CLIPTextConfig): JsonObject => ({
  architectures: [className],
  model_type: MODEL_TYPE,
  dtype: "float32",
  ...withSnakeKeys(config),
});
