// The texts of a call: prompts, what the images do not show, and how strongly they guide.

import { MOST_GUIDANCE } from "./class_labels.ts";
import { PipelineError } from "./errors.ts";

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
   * with the prompt alone, as in diffusers; above it twice. Consistency models that see the scale itself, embedded, are
   * evaluated once at any. Default: diffusers', 7.5, and 5 for most of Stable Diffusion XL.
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

/** The prompts of a call. @throws PipelineError where there are none, or too many */
export function promptsOf({ prompt }: Pick<TextOptions, "prompt">): readonly string[] {
  const prompts = textsOf("prompt", prompt);
  if (prompts.length >= 1 && prompts.length <= MOST_PROMPTS) return prompts;
  throw new PipelineError(`${prompts.length} prompts were given, expected 1 to ${MOST_PROMPTS}`);
}

/** Whether a guidance scale evaluates the model without the prompt too. */
export const isGuiding = (scale: number): boolean => scale > 1;

/**
 * What the images do not show: a text for each prompt.
 * @returns null without guidance, where none may be given
 * @throws PipelineError for another number of texts
 */
export function negativesOf(
  { negativePrompt }: TextOptions,
  prompts: number,
  isGuided: boolean,
): readonly string[] | null {
  if (isGuided) return textForEach("negativePrompt", negativePrompt ?? "", prompts);
  if (negativePrompt === undefined) return null;
  throw new PipelineError("negativePrompt counts with a guidanceScale above 1; leave it out, or raise that");
}

/** A text for each prompt. @throws PipelineError unless there is one, or one for each */
export function textForEach(
  name: "prompt2" | "negativePrompt" | "negativePrompt2",
  given: string | readonly string[],
  prompts: number,
): readonly string[] {
  const texts = textsOf(name, given);
  const [only] = texts;
  if (texts.length === 1) return Array<string>(prompts).fill(only);
  if (texts.length === prompts) return texts;
  throw new PipelineError(
    `${texts.length} ${WORDS[name]} were given for ${prompts} prompts; expected one, or one for each`,
  );
}

const WORDS = {
  prompt2: "prompts for the second text encoder (prompt2)",
  negativePrompt: "negative prompts",
  negativePrompt2: "negative prompts for the second text encoder (negativePrompt2)",
};

function textsOf(name: string, given: string | readonly string[]): readonly string[] {
  const texts: readonly unknown[] = typeof given === "string" ? [given] : given;
  if (Array.isArray(texts)) {
    const strings = texts.filter((text) => typeof text === "string");
    if (strings.length === texts.length) return strings;
  }
  throw new PipelineError(`${name} is of another kind, expected a text, or a list of them`);
}

/** @throws PipelineError for a guidance out of range */
export function checkGuidance(scale: number, rescale: number | undefined): void {
  if (!(scale >= 0 && scale <= MOST_GUIDANCE)) {
    throw new PipelineError(`the guidance scale is ${scale}, expected 0 .. ${MOST_GUIDANCE}`);
  }
  if (rescale === undefined) return;
  if (!(rescale >= 0 && rescale <= 1)) {
    throw new PipelineError(`the guidance rescale is ${rescale}, expected 0 .. 1`);
  }
  if (!isGuiding(scale)) {
    throw new PipelineError(
      "a guidance rescale counts beside a guidance scale above 1; leave it out, or raise that",
    );
  }
}

/** @throws PipelineError for what needs a second evaluation, where the model sees the guidance scale instead */
export function checkEmbeddedGuidance(options: TextOptions): void {
  const given = (["negativePrompt", "guidanceRescale"] as const).find((name) => options[name] !== undefined);
  if (given === undefined) return;
  throw new PipelineError(
    `${given} is for models that are guided by a second evaluation, but this one sees the guidance scale; leave it out`,
  );
}
