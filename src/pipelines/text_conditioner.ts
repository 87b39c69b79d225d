// Prompts as the condition of a model: CLIP's text encoder turns them, once for a call, into what the UNet sees.

import { paths } from "#platform";
import type { Backend, HostArray } from "../engine/backend.ts";
import { input } from "../engine/tensor.ts";
import { MODEL_CONFIG, type ModelIndex, type SavedComponent } from "../io/diffusers_folder.ts";
import { writePythonJson } from "../io/diffusers_json.ts";
import { quoted } from "../io/printable.ts";
import { type WriteStateDictOptions, writeStateDict } from "../io/state_dict.ts";
import type { CLIPTextModel } from "../models/clip_text_model.ts";
import type { CLIPTokenizer } from "../models/clip_tokenizer.ts";
import type { Conditions } from "../models/denoiser.ts";
import { MOST_GUIDANCE } from "./class_labels.ts";
import type { Warn } from "./components.ts";
import type { Condition, Conditioner, ConditionInputs } from "./conditioner.ts";
import { asPipelineError, PipelineError } from "./errors.ts";

const { join } = paths;

/** What the images of a call shall show. */
export interface TextOptions {
  /** What the images show, or a list of prompts through which they cycle. */
  readonly prompt: string | readonly string[];
  /**
   * What they do not show: one for all prompts, or one for each. It takes part in guidance, so it needs a
   * `guidanceScale` above 1. Default: the empty text.
   */
  readonly negativePrompt?: string | readonly string[];
  /**
   * w in uncond + w (cond - uncond) (Ho & Salimans 2022, arXiv 2207.12598; diffusers' guidance_scale), 0 .. 1000. Larger
   * values give images that are closer to the prompt and less varied. At 1 and below the model is evaluated once a step,
   * with the prompt alone, as in diffusers; above it twice. Default 7.5.
   */
  readonly guidanceScale?: number;
  /**
   * φ from 0 to 1: how far the guided prediction is rescaled to the standard deviation of the conditional one (Lin et al.
   * 2023, arXiv 2305.08891, section 3.4; diffusers' guidance_rescale). Default 0.
   */
  readonly guidanceRescale?: number;
  /**
   * How many of the text encoder's last layers the prompts leave out; negative prompts have them all, as in diffusers
   * (clip_skip). Default 0.
   */
  readonly clipSkip?: number;
}

/** Most prompts of a call: each is some 100 thousand numbers. */
const MOST_PROMPTS = 1000;
/** diffusers' default. */
const DEFAULT_TEXT_GUIDANCE = 7.5;

/** What the text encoder gives for one text: [tokens, D], flat. */
type Encoded = Float32Array;
interface EncodedTexts {
  readonly prompts: readonly Encoded[];
  /** As many as there are prompts, or one; none without guidance. */
  readonly negatives: readonly Encoded[];
}

/** The checked options of a call. */
interface Asked {
  readonly prompts: readonly string[];
  readonly negatives: readonly string[];
  readonly clipSkip: number;
}

/** The conditioner of models that see the tokens of a prompt (`encoderHiddenStates`). */
export class TextConditioner implements Conditioner<TextOptions> {
  readonly components: readonly SavedComponent[];
  readonly settings: Pick<ModelIndex, "id2label"> = {};
  readonly #tokenizer: CLIPTokenizer;
  readonly #encoder: CLIPTextModel;
  readonly #warn: Warn | undefined;
  /** Those that hold the text encoder's weights. */
  #uploaded = new WeakSet<Backend>();

  /** @param warn told of prompts that are too long, of which the end is cut off */
  constructor(tokenizer: CLIPTokenizer, encoder: CLIPTextModel, warn?: Warn) {
    this.#tokenizer = tokenizer;
    this.#encoder = encoder;
    this.#warn = warn;
    const { className } = encoder;
    this.components = [
      {
        ...{ name: "text_encoder", library: "transformers", className },
        save: (folder, written) => saveTextEncoder(folder, encoder, written),
      },
      {
        ...{ name: "tokenizer", library: "transformers", className: "CLIPTokenizer" },
        save: (folder) => tokenizer.save(folder),
      },
    ];
  }

  /** Tokens of a text, those around it included, and the numbers of each, as the model sees them. */
  get shape(): readonly [tokens: number, width: number] {
    const { maxPositionEmbeddings, hiddenSize } = this.#encoder.config;
    return [Math.min(this.#tokenizer.modelMaxLength, maxPositionEmbeddings), hiddenSize];
  }

  /** Call after a change of the text encoder's weights: the next prompts are encoded by the new ones. */
  weightsChanged(): void {
    this.#uploaded = new WeakSet();
  }

  condition(options: TextOptions): Condition {
    const { guidanceScale: scale = DEFAULT_TEXT_GUIDANCE, guidanceRescale: rescale } = options;
    checkGuidance(scale, rescale);
    const isGuided = scale > 1;
    const prompts = promptsOf(options);
    const negatives = negativesOf(options, prompts.length, isGuided);
    const { numHiddenLayers: layers } = this.#encoder.config;
    const { clipSkip = 0 } = options;
    if (!Number.isInteger(clipSkip) || clipSkip < 0 || clipSkip >= layers) {
      throw new PipelineError(`clipSkip is ${clipSkip}, expected a whole number from 0 to ${layers - 1}`);
    }
    let encoded: Promise<EncodedTexts> | undefined;
    const encode = (backend: Backend): Promise<EncodedTexts> => {
      encoded ??= this.#encode({ prompts, negatives, clipSkip }, backend);
      return encoded;
    };
    return {
      prepare: async (backend) => {
        await encode(backend);
      },
      inputs: this.#inputs(async (backend) => (await encode(backend)).prompts),
      guidance: isGuided
        ? {
            scale,
            rescale: rescale ?? 0,
            inputs: this.#inputs(async (backend) => (await encode(backend)).negatives),
          }
        : null,
    };
  }

  /** The model's inputs; the images cycle through the texts. */
  #inputs(textsOn: (backend: Backend) => Promise<readonly Encoded[]>): ConditionInputs {
    const [tokens, width] = this.shape;
    return async ({ firstImage, count }, backend): Promise<Conditions<HostArray>> => {
      const texts = await textsOn(backend);
      const values = new Float32Array(count * tokens * width); // [N, tokens, width]
      for (let k = 0; k < count; k++) {
        values.set(texts[(firstImage + k) % texts.length], k * tokens * width);
      }
      return { encoderHiddenStates: values };
    };
  }

  async #encode({ prompts, negatives, clipSkip }: Asked, backend: Backend): Promise<EncodedTexts> {
    const tokensOf = asPipelineError(() => this.#tokenize(distinct([...prompts, ...negatives])));
    if (!this.#uploaded.has(backend)) this.#encoder.upload(backend);
    this.#uploaded.add(backend);
    const [tokens] = this.shape;
    const ids = input([1, tokens], "i32", "inputIds");
    const { lastHiddenState, hiddenStates } = this.#encoder.forward(ids);
    const earlier = hiddenStates[hiddenStates.length - 1 - clipSkip];
    // The final norm belongs to the last layer, but the UNet has only seen its results.
    const outputs =
      clipSkip === 0 ? [lastHiddenState] : [lastHiddenState, this.#encoder.finalLayerNorm(earlier)];
    const program = { name: this.#encoder.className, inputs: [ids], outputs, batchInvariant: true };
    const executable = await backend.compile(program);
    try {
      const encodedBy = async (texts: readonly string[], output: number): Promise<Encoded[]> => {
        const known = new Map<string, Encoded>();
        for (const text of distinct(texts)) {
          const results = await executable.run([tokensOf.get(text) ?? new Int32Array(tokens)]);
          known.set(text, results[output]);
        }
        return texts.flatMap((text) => known.get(text) ?? []);
      };
      return {
        prompts: await encodedBy(prompts, outputs.length - 1),
        negatives: await encodedBy(negatives, 0),
      };
    } finally {
      executable.dispose();
    }
  }

  /** Tells of texts that are too long. @throws PipelineError for tokens that the text encoder does not have */
  #tokenize(texts: readonly string[]): Map<string, Int32Array> {
    const [tokens] = this.shape;
    const { vocabSize } = this.#encoder.config;
    const { inputIds, removed } = this.#tokenizer.encode(texts, { maxLength: tokens });
    const foreign = inputIds.data.find((id) => id >= vocabSize);
    if (foreign !== undefined) {
      throw new PipelineError(
        `the tokenizer gives token ${foreign}, but the text encoder has ${vocabSize}; they are of different models`,
      );
    }
    for (const text of removed) {
      if (text === "") continue;
      this.#warn?.(`a prompt is longer than ${tokens - 2} tokens; not seen by the model: ${quoted(text)}`);
    }
    return new Map(texts.map((text, k) => [text, inputIds.data.slice(k * tokens, (k + 1) * tokens)]));
  }
}

/** What transformers calls the types of weights. */
const TORCH_DTYPES = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

async function saveTextEncoder(
  folder: string,
  encoder: CLIPTextModel,
  written: WriteStateDictOptions = {},
): Promise<void> {
  const config = { ...encoder.toConfig(), dtype: TORCH_DTYPES[written.dtype ?? "F32"] };
  await writePythonJson(join(folder, MODEL_CONFIG), config, encoder.floatKeys);
  await writeStateDict(folder, encoder.stateDict(), { ...written, library: "transformers" });
}

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];

/** The prompts of a call. @throws PipelineError where there are none, or too many */
export function promptsOf({ prompt }: Pick<TextOptions, "prompt">): readonly string[] {
  const prompts = textsOf("prompt", prompt);
  if (prompts.length >= 1 && prompts.length <= MOST_PROMPTS) return prompts;
  throw new PipelineError(`${prompts.length} prompts were given, expected 1 to ${MOST_PROMPTS}`);
}

/** @returns none without guidance */
function negativesOf({ negativePrompt }: TextOptions, prompts: number, isGuided: boolean): readonly string[] {
  if (!isGuided) {
    if (negativePrompt === undefined) return [];
    throw new PipelineError(
      "negativePrompt counts with a guidanceScale above 1; leave it out, or raise that",
    );
  }
  const negatives = textsOf("negativePrompt", negativePrompt ?? "");
  if (negatives.length === 1 || negatives.length === prompts) return negatives;
  throw new PipelineError(
    `${negatives.length} negative prompts were given for ${prompts} prompts; expected one, or one for each`,
  );
}

function textsOf(name: string, given: string | readonly string[]): readonly string[] {
  const texts: readonly unknown[] = typeof given === "string" ? [given] : given;
  if (Array.isArray(texts)) {
    const strings = texts.filter((text) => typeof text === "string");
    if (strings.length === texts.length) return strings;
  }
  throw new PipelineError(`${name} is of another kind, expected a text, or a list of them`);
}

function checkGuidance(scale: number, rescale: number | undefined): void {
  if (!(scale >= 0 && scale <= MOST_GUIDANCE)) {
    throw new PipelineError(`the guidance scale is ${scale}, expected 0 .. ${MOST_GUIDANCE}`);
  }
  if (rescale === undefined) return;
  if (!(rescale >= 0 && rescale <= 1)) {
    throw new PipelineError(`the guidance rescale is ${rescale}, expected 0 .. 1`);
  }
  if (scale <= 1) {
    throw new PipelineError(
      "a guidance rescale counts beside a guidance scale above 1; leave it out, or raise that",
    );
  }
}
