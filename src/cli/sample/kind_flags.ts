// Options of imago sample that only one kind of model has: those that draw what a prompt says, or all others.

import { type PipelineFamily, STABLE_DIFFUSION_XL, seesPrompts } from "../../pipelines/families.ts";
import { UsageError } from "../errors.ts";
import { flagOf } from "../wording.ts";
import type { SampleFlags } from "./flags.ts";

/** Of Stable Diffusion XL alone. */
const OF_XL = [
  "prompt2",
  "negative2",
  "originalSize",
  "targetSize",
  "cropTopLeft",
  "negativeOriginalSize",
  "negativeTargetSize",
  "negativeCropTopLeft",
  "refiner",
  "denoisingEnd",
] as const;

const OF_PROMPTS = ["prompt", "negative", "clipSkip", "size", "strength", "lora", "tiled", ...OF_XL] as const;

/** What each option of the others is for. */
const OF_OTHERS = {
  class: "class-conditional models",
  checkpoint: "runs",
  jumpLength: "repaint",
  jumpNSample: "repaint",
} as const;

/**
 * Checks the options against the kind of model.
 * @param source the model's name
 * @throws UsageError for options of another kind, and where the prompt is missing
 */
export function checkKindFlags(source: string, family: PipelineFamily, flags: SampleFlags): void {
  if (!seesPrompts(family)) {
    refusePromptFlags(source, flags);
    return;
  }
  checkPromptFlags(source, flags);
  if (family === STABLE_DIFFUSION_XL) return;
  const given = OF_XL.find((option) => flags[option] !== undefined);
  if (given === undefined) return;
  throw new UsageError(
    `${flagOf(given)} is for models of Stable Diffusion XL, which ${source} is not; leave it out`,
  );
}

function refusePromptFlags(source: string, flags: SampleFlags): void {
  const given = OF_PROMPTS.find((option) => flags[option] !== undefined);
  if (given === undefined) return;
  throw new UsageError(
    `${flagOf(given)} is for models that draw what a prompt says, which ${source} is not; leave it out`,
  );
}

function checkPromptFlags(source: string, flags: SampleFlags): void {
  for (const option of ["class", "checkpoint", "jumpLength", "jumpNSample"] as const) {
    if (flags[option] === undefined) continue;
    throw new UsageError(
      `${flagOf(option)} is for ${OF_OTHERS[option]}, but ${source} draws what a prompt says; leave it out`,
    );
  }
  if (flags.prompt === undefined) {
    throw new UsageError(
      `--prompt is missing: ${source} draws what a prompt says; add --prompt "TEXT", or several`,
    );
  }
  for (const option of ["mask", "strength"] as const) {
    if (flags[option] === undefined || flags.image !== undefined) continue;
    throw new UsageError(`${flagOf(option)} is of --image; give both or neither`);
  }
  if (flags.denoisingEnd !== undefined && flags.refiner === undefined) {
    throw new UsageError("--denoising-end is of --refiner; give both or neither");
  }
  if (flags.scheduler === "repaint") {
    throw new UsageError(
      `--scheduler repaint is for models without prompts, but ${source} draws what a prompt says; leave it out`,
    );
  }
}
