// The prompts of Stable Diffusion 1 and 2: the UNet sees what CLIP's text encoder gives for each token.

import type { Shape } from "../engine/shape.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
import type { CLIPTextModel } from "../models/clip_text_model.ts";
import type { CLIPTokenizer } from "../models/clip_tokenizer.ts";
import type { Conditions } from "../models/denoiser.ts";
import type { Warn } from "./components.ts";
import {
  type AskedTexts,
  type EncodeTexts,
  type GuidanceSettings,
  PromptConditioner,
} from "./prompt_conditioner.ts";
import { PromptEncoder } from "./prompt_encoder.ts";
import type { TextOptions } from "./text_options.ts";

/** A text encoder and its tokenizer. */
export interface OneTextEncoder {
  /** Makes tokens of prompts. */
  readonly tokenizer: CLIPTokenizer;
  /** What the tokens mean to the UNet. */
  readonly textEncoder: CLIPTextModel;
}

/** How prompts are understood. */
export interface TextSettings extends GuidanceSettings {
  /** Told of prompts that are too long, of which the end is cut off. */
  readonly warn: Warn | undefined;
}

/** The conditioner of models that see the tokens of a prompt (`encoderHiddenStates`). */
export class TextConditioner extends PromptConditioner<TextOptions> {
  readonly #encoder: PromptEncoder;
  readonly #warn: Warn | undefined;

  constructor({ tokenizer, textEncoder }: OneTextEncoder, { warn, ...guidance }: TextSettings) {
    const encoder = new PromptEncoder(tokenizer, textEncoder);
    super(guidance, [{ name: "text_encoder", encoder }]);
    this.#encoder = encoder;
    this.#warn = warn;
  }

  protected get textShapes(): Conditions<Shape> {
    return { encoderHiddenStates: [this.#encoder.tokens, this.#encoder.model.config.hiddenSize] };
  }

  /** What diffusers wants to be told of a pipeline without a safety checker. */
  get indexSettings(): JsonObject {
    return {
      safety_checker: [null, null],
      feature_extractor: [null, null],
      requires_safety_checker: false,
    };
  }

  protected get layers(): number {
    return this.#encoder.model.config.numHiddenLayers;
  }

  protected encoding(_: TextOptions, { prompts, negatives, clipSkip }: AskedTexts): EncodeTexts {
    const { model } = this.#encoder;
    return async (backend) => {
      const texts = [...prompts, ...(negatives ?? [])];
      const encoded = await this.#encoder.encode(
        texts,
        (ids) => {
          const { lastHiddenState, hiddenStates } = model.forward(ids);
          if (clipSkip === 0) return [lastHiddenState];
          // The final norm belongs to the last layer, but the UNet has only seen its results.
          return [lastHiddenState, model.finalLayerNorm(hiddenStates[hiddenStates.length - 1 - clipSkip])];
        },
        backend,
        this.#warn,
      );
      return {
        prompts: encoded.slice(0, prompts.length).map((of) => ({ encoderHiddenStates: of[of.length - 1] })),
        negatives: encoded.slice(prompts.length).map(([whole]) => ({ encoderHiddenStates: whole })),
      };
    };
  }
}
