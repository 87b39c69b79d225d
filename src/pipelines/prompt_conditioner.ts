// Prompts as the condition of a model: they are encoded once for a call, and the images cycle through them.

import type { ImageSize } from "../codecs/codec.ts";
import type { Backend, HostArray } from "../engine/backend.ts";
import type { Shape } from "../engine/shape.ts";
import type { ModelIndex, SavedComponent } from "../io/diffusers_folder.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
import type { CLIPTextModel } from "../models/clip_text_model.ts";
import { type ConditionSizes, type Conditions, mapConditions } from "../models/denoiser.ts";
import type { Condition, Conditioner, ConditionInputs } from "./conditioner.ts";
import { PipelineError } from "./errors.ts";
import { guidanceScaleEmbedding } from "./guidance_embedding.ts";
import type { PromptEncoder } from "./prompt_encoder.ts";
import { savedTextEncoder } from "./saved_text_encoder.ts";
import {
  checkEmbeddedGuidance,
  checkGuidance,
  isGuiding,
  negativesOf,
  promptsOf,
  type TextOptions,
} from "./text_options.ts";

/** The checked texts of a call. */
export interface AskedTexts {
  readonly prompts: readonly string[];
  /** As many as there are prompts; null without guidance. */
  readonly negatives: readonly string[] | null;
  readonly clipSkip: number;
}

/** What one image is conditioned on. */
export type EncodedPrompt = Conditions<Float32Array>;

/** The texts of a call as the model sees them. */
export interface EncodedTexts {
  readonly prompts: readonly EncodedPrompt[];
  /** As many as there are prompts; none without guidance. */
  readonly negatives: readonly EncodedPrompt[];
}

/** How a conditioner encodes the checked options of a call. */
export type EncodeTexts = (backend: Backend) => Promise<EncodedTexts>;

/** How a model is guided. */
export interface GuidanceSettings {
  /** The guidance scale of calls that give none. */
  readonly defaultScale: number;
  /** Width of the scale's embedding, for models that see it and are not evaluated without the prompt; null for others. */
  readonly embeddingWidth: number | null;
}

/** A text encoder and its name in a pipeline of diffusers. */
export interface NamedEncoder {
  /** Its component's name. */
  readonly name: "text_encoder" | "text_encoder_2";
  /** With its tokenizer. */
  readonly encoder: PromptEncoder;
}
/** One or two. */
export type NamedEncoders = readonly [NamedEncoder, ...NamedEncoder[]];

/** The conditioner of models that see a prompt. Asked: its options in a call. */
export abstract class PromptConditioner<Asked extends TextOptions> implements Conditioner<Asked> {
  readonly components: readonly SavedComponent[];
  readonly settings: Pick<ModelIndex, "id2label"> = {};
  /** The text encoders with their tokenizers. */
  readonly encoders: NamedEncoders;
  readonly #guidance: GuidanceSettings;

  protected constructor(guidance: GuidanceSettings, encoders: NamedEncoders) {
    this.#guidance = guidance;
    this.encoders = encoders;
    this.components = encoders.flatMap(({ name, encoder: { model, tokenizer } }) =>
      savedTextEncoder(name, model, tokenizer),
    );
  }

  /** The text encoders, by their names in a pipeline of diffusers. */
  get textEncoders(): ReadonlyMap<string, CLIPTextModel> {
    return new Map(this.encoders.map(({ name, encoder }) => [name, encoder.model]));
  }

  /** Entries of model_index.json beside the components: arguments of diffusers' class. */
  abstract get indexSettings(): JsonObject;

  /** Call after a change of the text encoders' weights: the next prompts are encoded by the new ones. */
  weightsChanged(): void {
    for (const { encoder } of this.encoders) encoder.weightsChanged();
  }

  /** Of conditions whose sizes the model does not know by itself. */
  get sizes(): ConditionSizes {
    return {};
  }

  /** The shapes of what it gives for an image, without the axis of images. */
  get shapes(): Conditions<Shape> {
    const { embeddingWidth } = this.#guidance;
    return { ...this.textShapes, ...(embeddingWidth !== null && { timestepCond: [embeddingWidth] }) };
  }

  /** The shapes of what it gives of the texts. */
  protected abstract get textShapes(): Conditions<Shape>;

  /** Layers of the text encoder, of which `clipSkip` leaves one at least. */
  protected abstract get layers(): number;

  /** Checks what only this conditioner knows, and returns how the texts are encoded. @throws PipelineError */
  protected abstract encoding(options: Asked, texts: AskedTexts, images: ImageSize): EncodeTexts;

  condition(options: Asked, images: ImageSize): Condition {
    const { defaultScale, embeddingWidth } = this.#guidance;
    const { guidanceScale: scale = defaultScale, guidanceRescale: rescale, clipSkip = 0 } = options;
    checkGuidance(scale, rescale);
    if (embeddingWidth !== null) checkEmbeddedGuidance(options);
    const prompts = promptsOf(options);
    const negatives = negativesOf(options, prompts.length, embeddingWidth === null && isGuiding(scale));
    if (!Number.isInteger(clipSkip) || clipSkip < 0 || clipSkip >= this.layers) {
      throw new PipelineError(
        `clipSkip is ${clipSkip}, expected a whole number from 0 to ${this.layers - 1}`,
      );
    }
    const embedded = embeddingWidth !== null && {
      timestepCond: guidanceScaleEmbedding(scale, embeddingWidth),
    };
    const encoding = this.encoding(options, { prompts, negatives, clipSkip }, images);
    let encoded: Promise<EncodedTexts> | undefined;
    const encode: EncodeTexts = (backend) => {
      encoded ??= encoding(backend);
      return encoded;
    };
    return {
      prepare: async (backend) => {
        await encode(backend);
      },
      inputs: cycling(async (backend) =>
        (await encode(backend)).prompts.map((prompt) => ({ ...prompt, ...embedded })),
      ),
      guidance:
        negatives === null
          ? null
          : {
              scale,
              rescale: rescale ?? 0,
              inputs: cycling(async (backend) => (await encode(backend)).negatives),
            },
    };
  }
}

/** The model's inputs; the images cycle through the texts. */
const cycling =
  (textsOn: (backend: Backend) => Promise<readonly EncodedPrompt[]>): ConditionInputs =>
  async ({ firstImage, count }, backend): Promise<Conditions<HostArray>> => {
    const texts = await textsOn(backend);
    return mapConditions(texts[0], (first, name) => {
      const values = new Float32Array(count * first.length); // [N, ...]
      for (let k = 0; k < count; k++) {
        const own = texts[(firstImage + k) % texts.length][name] ?? first;
        values.set(own, k * first.length);
      }
      return values;
    });
  };
