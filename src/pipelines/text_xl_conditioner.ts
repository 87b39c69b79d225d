// The prompts of Stable Diffusion XL (Podell et al. 2023, arXiv 2307.01952): what two text encoders give for each token,
// the whole prompt as one vector, and the sizes that the model has been told of in training (section 2.2).

import type { ImageSize } from "../codecs/codec.ts";
import type { Shape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { CLIPTextModel, CLIPTextModelWithProjection } from "../models/clip_text_model.ts";
import type { CLIPTokenizer } from "../models/clip_tokenizer.ts";
import type { ConditionSizes, Conditions } from "../models/denoiser.ts";
import type { Warn } from "./components.ts";
import { PipelineError } from "./errors.ts";
import {
  type AskedTexts,
  type EncodedPrompt,
  type EncodeTexts,
  type GuidanceSettings,
  PromptConditioner,
} from "./prompt_conditioner.ts";
import { PromptEncoder } from "./prompt_encoder.ts";
import { type TextOptions, textForEach } from "./text_options.ts";
import { type TimeIdOptions, timeIds, timeIdsLength } from "./time_ids.ts";

/** What the images of a call shall show, for models with two text encoders. */
export interface TextXLOptions extends TextOptions, TimeIdOptions {
  /**
   * Prompts for the second text encoder: one for all, or one for each prompt. Default, also for the empty text: those of
   * the first.
   */
  readonly prompt2?: string | readonly string[];
  /** The same for `negativePrompt`, beside which it counts. */
  readonly negativePrompt2?: string | readonly string[];
}

/** The text encoders of Stable Diffusion XL, and their tokenizers. */
export interface TwoTextEncoders {
  /** Makes tokens for the first text encoder; absent, as that is, of the refiner, which has the second one alone. */
  readonly tokenizer?: CLIPTokenizer;
  /** CLIP ViT-L's. */
  readonly textEncoder?: CLIPTextModel;
  /** Makes tokens for the second text encoder. */
  readonly tokenizer2: CLIPTokenizer;
  /** OpenCLIP ViT-bigG's; its projection is the vector of the whole prompt. */
  readonly textEncoder2: CLIPTextModelWithProjection;
}

/** How prompts are understood. */
export interface TextXLSettings extends GuidanceSettings {
  /** Without a negative prompt, guidance leads away from zeros, and not from the empty text. */
  readonly forceZerosForEmptyPrompt: boolean;
  /** Whether the model is told an aesthetic score in place of the image's size. */
  readonly requiresAestheticsScore: boolean;
  /** Told of prompts that are too long, of which the end is cut off. */
  readonly warn: Warn | undefined;
}

/** The conditioner of models that see `encoderHiddenStates`, `textEmbeds` and `timeIds`. */
export class TextXLConditioner extends PromptConditioner<TextXLOptions> {
  /** Of `timeIds`: one fewer with an aesthetic score. */
  readonly sizes: ConditionSizes;
  /** Null where the second is alone. */
  readonly #first: PromptEncoder | null;
  readonly #second: PromptEncoder<CLIPTextModelWithProjection>;
  readonly #settings: TextXLSettings;

  /** @throws PipelineError for text encoders of different lengths of texts */
  constructor(encoders: TwoTextEncoders, settings: TextXLSettings) {
    super(settings);
    const { tokenizer, textEncoder } = encoders;
    this.#first = tokenizer && textEncoder ? new PromptEncoder(tokenizer, textEncoder) : null;
    this.#second = new PromptEncoder(encoders.tokenizer2, encoders.textEncoder2);
    this.#settings = settings;
    this.sizes = { timeIds: timeIdsLength(settings.requiresAestheticsScore) };
    const other = this.#second.tokens;
    const one = this.#first?.tokens ?? other;
    if (one !== other) {
      throw new PipelineError(
        `the text encoders see ${one} and ${other} tokens of a prompt, expected as many; they are of different models`,
      );
    }
  }

  protected get textShapes(): Conditions<Shape> {
    const { hiddenSize, projectionDim } = this.#second.model.config;
    return {
      encoderHiddenStates: [this.#second.tokens, (this.#first?.model.config.hiddenSize ?? 0) + hiddenSize],
      textEmbeds: [projectionDim ?? 0],
      timeIds: [timeIdsLength(this.#settings.requiresAestheticsScore)],
    };
  }

  protected get layers(): number {
    const layersOf = ({ model }: PromptEncoder) => model.config.numHiddenLayers;
    const layers = layersOf(this.#second);
    return this.#first === null ? layers : Math.min(layersOf(this.#first), layers);
  }

  protected encoding(options: TextXLOptions, texts: AskedTexts, images: ImageSize): EncodeTexts {
    const { prompts, clipSkip } = texts;
    if (this.#first === null) refuseSecondTexts(options);
    const negatives = this.#negatives(options, texts);
    const second = [...secondTexts("prompt2", options.prompt2, prompts), ...negatives.second];
    const { own, negative } = timeIds(options, images, this.#settings.requiresAestheticsScore);
    return async (backend) => {
      const warn = once(this.#settings.warn);
      const first = this.#first;
      const inFirst = await first?.encode(
        [...prompts, ...negatives.first],
        (ids) => penultimate(first.model.forward(ids).hiddenStates, clipSkip),
        backend,
        warn,
      );
      const inSecond = await this.#second.encode(
        second,
        (ids) => {
          const { hiddenStates, textEmbeds } = this.#second.model.forward(ids);
          return [textEmbeds, ...penultimate(hiddenStates, clipSkip)];
        },
        backend,
        warn,
      );
      const encoded = inSecond.map(([textEmbeds, ...hidden], k): EncodedPrompt => {
        const isPrompt = k < prompts.length;
        // Negative prompts leave out no layers.
        const of = (states: readonly Float32Array[]) => states[isPrompt ? states.length - 1 : 0];
        const states = of(hidden);
        const encoderHiddenStates = inFirst ? beside(of(inFirst[k]), states, this.#second.tokens) : states;
        return { encoderHiddenStates, textEmbeds, timeIds: isPrompt ? own : negative };
      });
      return {
        prompts: encoded.slice(0, prompts.length),
        negatives: negatives.areZeros ? [zerosLike(encoded[0], negative)] : encoded.slice(prompts.length),
      };
    };
  }

  #negatives(
    { negativePrompt, negativePrompt2 }: TextXLOptions,
    { negatives }: AskedTexts,
  ): { readonly first: readonly string[]; readonly second: readonly string[]; readonly areZeros: boolean } {
    if (negativePrompt === undefined && negativePrompt2 !== undefined) {
      throw new PipelineError("negativePrompt2 counts beside negativePrompt; give both, or leave it out");
    }
    const areZeros = negativePrompt === undefined && this.#settings.forceZerosForEmptyPrompt;
    if (negatives === null || areZeros) return { first: [], second: [], areZeros };
    return { first: negatives, second: secondTexts("negativePrompt2", negativePrompt2, negatives), areZeros };
  }
}

/** @throws PipelineError for texts for the second of one text encoder, which sees those of the first */
function refuseSecondTexts(options: TextXLOptions): void {
  const given = (["prompt2", "negativePrompt2"] as const).find((name) => options[name] !== undefined);
  if (given === undefined) return;
  throw new PipelineError(`${given} is for a second text encoder, but the model has one; leave it out`);
}

/** A text for each of the first text encoder's. */
const secondTexts = (
  name: "prompt2" | "negativePrompt2",
  given: string | readonly string[] | undefined,
  first: readonly string[],
): readonly string[] =>
  given === undefined || given === "" ? first : textForEach(name, given, first.length);

/** After all layers but the last, and for `clipSkip` after fewer: [1, T, D] each. */
function penultimate(hiddenStates: readonly Tensor[], clipSkip: number): Tensor[] {
  const last = hiddenStates.length - 1;
  const whole = hiddenStates[last - 1];
  return clipSkip === 0 ? [whole] : [whole, hiddenStates[last - 1 - clipSkip]];
}

/** [T, D] and [T, E] to [T, D + E]. */
function beside(first: Float32Array, second: Float32Array, tokens: number): Float32Array {
  const [width, more] = [first.length / tokens, second.length / tokens];
  const out = new Float32Array(first.length + second.length);
  for (let t = 0; t < tokens; t++) {
    out.set(first.subarray(t * width, (t + 1) * width), t * (width + more));
    out.set(second.subarray(t * more, (t + 1) * more), t * (width + more) + width);
  }
  return out;
}

const zerosLike = (
  { encoderHiddenStates, textEmbeds }: EncodedPrompt,
  timeIds: Float32Array,
): EncodedPrompt => ({
  encoderHiddenStates: new Float32Array(encoderHiddenStates?.length ?? 0),
  textEmbeds: new Float32Array(textEmbeds?.length ?? 0),
  timeIds,
});

/** Tells the same only once, as both text encoders do of one prompt. */
function once(warn: Warn | undefined): Warn | undefined {
  const told = new Set<string>();
  return (
    warn &&
    ((message) => {
      if (!told.has(message)) warn(message);
      told.add(message);
    })
  );
}
