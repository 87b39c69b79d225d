// CLIP's text models (Radford et al. 2021): tokens of a prompt to the vectors that UNets see.

import { ShapeError, showShape } from "../engine/shape.ts";
import { constant, type Tensor } from "../engine/tensor.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
import type { StateDict } from "../io/state_dict.ts";
import { Embedding } from "../nn/embedding.ts";
import { LayerNorm } from "../nn/layer_norm.ts";
import { Linear } from "../nn/linear.ts";
import { type LoadStateDictOptions, Module } from "../nn/module.ts";
import { CLIPEncoderLayer } from "./clip_encoder.ts";
import {
  type CLIPTextConfig,
  type CLIPTextOptions,
  clipTextConfigFromJson,
  clipTextConfigs,
  clipTextConfigToJson,
  clipTextFloatKeys,
} from "./clip_text_config.ts";

/** What a text model gives for a batch of prompts. */
export interface CLIPTextOutput {
  /** Of the last layer, after the final norm: [N, T, hiddenSize]. Stable Diffusion 1 and 2 see these. */
  readonly lastHiddenState: Tensor;
  /** The row of `lastHiddenState` at the end-of-text token, [N, hiddenSize]. */
  readonly poolerOutput: Tensor;
  /** Before the first layer and after each, without the final norm: [N, T, hiddenSize]. SDXL sees `at(-2)`. */
  readonly hiddenStates: readonly Tensor[];
}

/** The output of a text model with a projection. */
export interface CLIPTextOutputWithProjection extends CLIPTextOutput {
  /** The pooled output, projected: [N, projectionDim]. SDXL's `textEmbeds`. */
  readonly textEmbeds: Tensor;
}

/** Most values in all weights. */
const MOST_PARAMETERS = 2 ** 33;
/** What the names of all its weights begin with; transformers 5 leaves it out in files of CLIPTextModel. */
const PREFIX = "text_model";

/** CLIP's text encoder (transformers' CLIPTextModel): tokens [N, T] to vectors [N, T, hiddenSize]. */
export class CLIPTextModel extends Module {
  /** Its class name in files, as in transformers. */
  readonly className: string = "CLIPTextModel";
  /** Config keys whose numbers are floats in Python (0 is written 0.0). */
  readonly floatKeys = clipTextFloatKeys;
  /** All options, checked. */
  readonly config: CLIPTextConfig;
  readonly #tokenEmbedding: Embedding;
  readonly #positionEmbedding: Embedding;
  readonly #layers: readonly CLIPEncoderLayer[];
  readonly #finalLayerNorm: LayerNorm;

  /** @throws ModelConfigError when an option does not fit */
  constructor(options: CLIPTextOptions = {}) {
    super();
    const config = clipTextConfigs.resolve(options);
    this.config = config;
    const { vocabSize, hiddenSize, maxPositionEmbeddings, layerNormEps } = config;
    const embeddings = `${PREFIX}.embeddings`;
    this.#tokenEmbedding = this.child(`${embeddings}.token_embedding`, new Embedding(vocabSize, hiddenSize));
    this.#positionEmbedding = this.child(
      `${embeddings}.position_embedding`,
      new Embedding(maxPositionEmbeddings, hiddenSize),
    );
    this.#layers = Array.from({ length: config.numHiddenLayers }, (_, i) =>
      this.child(`${PREFIX}.encoder.layers.${i}`, new CLIPEncoderLayer(config)),
    );
    this.#finalLayerNorm = this.child(`${PREFIX}.final_layer_norm`, new LayerNorm(hiddenSize, layerNormEps));
    clipTextConfigs.checkParameterCount(this.parameterCount, MOST_PARAMETERS);
  }

  /** From a config.json's contents. @throws ModelConfigError when it is for another model or does not fit */
  static fromConfig(json: unknown): CLIPTextModel {
    return new CLIPTextModel(clipTextConfigFromJson(json));
  }

  /** The contents of config.json as transformers writes it. */
  toConfig(): JsonObject {
    return clipTextConfigToJson(this.className, this.config);
  }

  /** Takes names with and without "text_model." (transformers 4 and 5). @throws Error as Module's */
  override loadStateDict(state: StateDict, options: LoadStateDictOptions = {}): this {
    const isBare = [...state.keys()].every((name) => !name.startsWith(`${PREFIX}.`));
    if (!isBare) return super.loadStateDict(state, options);
    const named: StateDict = new Map([...state].map(([name, value]) => [`${PREFIX}.${name}`, value]));
    if (options.release) state.clear();
    return super.loadStateDict(named, options);
  }

  /**
   * @param inputIds i32 [N, T], numbers of tokens; T is at most `maxPositionEmbeddings`
   * @throws ShapeError when the shape does not fit
   */
  forward(inputIds: Tensor): CLIPTextOutput {
    const [n, tokens] = inputIds.shape;
    const { maxPositionEmbeddings, hiddenSize } = this.config;
    if (inputIds.shape.length !== 2 || inputIds.dtype !== "i32" || tokens > maxPositionEmbeddings) {
      throw new ShapeError(
        `${this.className}: wants i32 tokens [N, T] with T at most ${maxPositionEmbeddings}, got ${inputIds.dtype} ${showShape(inputIds.shape)}`,
      );
    }
    const words = this.#tokenEmbedding.forward(inputIds.reshape([n * tokens]));
    const places = this.#positionEmbedding.forward(
      constant(
        Int32Array.from({ length: tokens }, (_, i) => i),
        [tokens],
      ),
    );
    const hiddenStates = [words.reshape([n, tokens, hiddenSize]).add(places)];
    for (const layer of this.#layers) {
      hiddenStates.push(layer.forward(hiddenStates[hiddenStates.length - 1]));
    }
    const lastHiddenState = this.finalLayerNorm(hiddenStates[hiddenStates.length - 1]);
    const atEnd = this.#endOfText(inputIds).reshape([n, tokens, 1]);
    return { lastHiddenState, poolerOutput: lastHiddenState.mul(atEnd).sum([1]), hiddenStates };
  }

  /** The norm after the last layer, for a hidden state of an earlier one ("clip skip"): [N, T, D] to the same. */
  finalLayerNorm(hiddenState: Tensor): Tensor {
    return this.#finalLayerNorm.forward(hiddenState);
  }

  /** 1 at the first end-of-text token of each text (at the first token of one without any), else 0: [N, T]. */
  #endOfText(inputIds: Tensor): Tensor {
    const [, tokens] = inputIds.shape;
    const { eosTokenId } = this.config;
    const ids = inputIds.cast("f32");
    // Configs of old files have the number of another token; it is the highest one of a text that they mean.
    const distance = eosTokenId === LEGACY_EOS ? ids.max([1], true).sub(ids) : ids.sub(eosTokenId).abs();
    const before = constant(
      Float32Array.from({ length: tokens }, (_, i) => tokens - 1 - i),
      [1, tokens],
    );
    const score = distance.lessThan(0.5).mul(tokens).add(before);
    return score.max([1], true).sub(score).lessThan(0.5);
  }
}

/** The `eosTokenId` of files from before transformers 4.31. */
const LEGACY_EOS = 2;

/** CLIP's text encoder and its projection of the pooled output (transformers' class); SDXL's second text encoder. */
export class CLIPTextModelWithProjection extends CLIPTextModel {
  override readonly className = "CLIPTextModelWithProjection";
  readonly #textProjection: Linear;

  /** @throws ModelConfigError when an option does not fit */
  constructor(options: CLIPTextOptions = {}) {
    super(options);
    const { hiddenSize, projectionDim } = this.config;
    if (projectionDim === null) throw clipTextConfigs.error("a projection wants projection_dim, its width");
    this.#textProjection = this.child(
      "text_projection",
      new Linear(hiddenSize, projectionDim, { bias: false }),
    );
  }

  /** From a config.json's contents. @throws ModelConfigError when it is for another model or does not fit */
  static override fromConfig(json: unknown): CLIPTextModelWithProjection {
    return new CLIPTextModelWithProjection(clipTextConfigFromJson(json));
  }

  override forward(inputIds: Tensor): CLIPTextOutputWithProjection {
    const output = super.forward(inputIds);
    return { ...output, textEmbeds: this.#textProjection.forward(output.poolerOutput) };
  }
}
