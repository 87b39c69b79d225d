// The options of imago sample.

import type { Command } from "commander";
import { SEED_COMPATS } from "../../pipelines/seeding.ts";
import { COMMON } from "../common_flags.ts";
import { DRAWING, SCHEDULER_NAMES } from "../drawing_flags.ts";
import { ANIMATED_FILES, IMAGE_FILES } from "../files.ts";
import {
  choice,
  corner,
  decimal,
  fileName,
  imageSize,
  integer,
  integers,
  nonEmpty,
  settings,
  texts,
  weightedFiles,
} from "../parsers.ts";
import { CAPTIONS } from "./flags.ts";
import { DENOISING_END } from "./refiner.ts";
import { sample } from "./sample.ts";

/** Upper limits: more than anybody looks at. */
const MOST_SEEDS = 1000;
const MOST_FRAMES = 1000;
const MOST_MARGIN = 1000;
const MOST_SIDE = 2 ** 14;
const MOST_LAYERS = 1000;

export function addSample(program: Command): void {
  const [, , guidance] = DRAWING.guidance;
  program
    .command("sample")
    .description("draw images with a trained model: new ones, of classes, or what a prompt says")
    .argument(
      "<folder>",
      "a run's folder, a pipeline's (with model_index.json), hf:OWNER/NAME, or a single file of Stable Diffusion",
    )
    .option(
      "--prompt <text>",
      "what the images show, for models such as Stable Diffusion; can be repeated, images take the prompts in turn",
      texts,
    )
    .option(
      "--negative <text>",
      "with guidance: what they do not show; once for all prompts, or once for each",
      texts,
    )
    .option(
      "--count <n>",
      "images (default: 16, of a walk 1; with --prompt one for each)",
      integer("--count", 1, 100_000),
    )
    .option(
      "--size <pixels>",
      "with --prompt: one number for squares, or WIDTHxHEIGHT (default: the model's own)",
      imageSize("--size", 1, MOST_SIDE),
    )
    .option(
      "--steps <n>",
      "denoising steps (default: 50, for ddpm 1000, for repaint 250; with --seed-compat, and no --scheduler, the library's)",
      integer("--steps", 1),
    )
    .option(
      "--scheduler <name>",
      `${SCHEDULER_NAMES.join(" | ")} (default: the model's own, but ddim for ddpm unless --seed-compat is given; with --image repaint)`,
      choice("--scheduler", SCHEDULER_NAMES),
    )
    .option(
      "--scheduler-option <name=value>",
      "an option of the scheduler as diffusers names it, such as use_karras_sigmas=true; can be repeated",
      settings("--scheduler-option"),
    )
    .option(
      "--eta <x>",
      "ddim, tcd, repaint, dpm-adaptive, adaptive: share of random noise (default: 0, for tcd 0.3, adaptive 1)",
      decimal("--eta", { min: 0, max: 1 }),
    )
    .option(
      "--snr <x>",
      "pc: noise over score in a corrector step (default: 0.16)",
      decimal("--snr", { min: 0, inclusive: false }),
    )
    .option(
      "--corrector-steps <n>",
      "pc: corrector steps at each noise level (default: 1)",
      integer("--corrector-steps", 0),
    )
    .option(
      "--rtol <x>",
      "adaptive, dpm-adaptive, gotta-go-fast: relative error of a step (default: 0.05)",
      decimal("--rtol", { min: 0 }),
    )
    .option("--atol <x>", "and absolute (default: 0.0078)", decimal("--atol", { min: 0, inclusive: false }))
    .option(
      "--image <file>",
      "with --prompt: an image to start from; for repaint: one of which a part is drawn anew",
      nonEmpty("--image"),
    )
    .option(
      "--mask <file>",
      "which part: with --prompt white is drawn anew; for repaint white is kept, black is drawn anew",
      nonEmpty("--mask"),
    )
    .option(
      "--strength <x>",
      "with --prompt and --image: 0 to 1, how much of it is drawn anew (default: 0.8, of XL 0.3; with --mask all)",
      decimal("--strength", { min: 0, max: 1, inclusive: false }),
    )
    .option(
      "--jump-length <n>",
      "repaint: steps of a way back towards noise (default: 10)",
      integer("--jump-length", 1),
    )
    .option(
      "--jump-n-sample <n>",
      "repaint: times that each stretch is walked, 1 for no way back (default: 10)",
      integer("--jump-n-sample", 1),
    )
    .option(...DRAWING.checkpoint)
    .option(
      "--class <names>",
      "class-conditional models: names or numbers of classes, with commas; images take them in turn (default: all)",
      nonEmpty("--class"),
    )
    .option(
      "--guidance <x>",
      "towards the prompt, or the class: 1 draws as learnt; 2, say, what is more typical, less varied, in twice the time (default: 1, with --prompt 7.5, of a DiTPipeline 4)",
      guidance,
    )
    .option(...DRAWING.guidanceRescale)
    .option(
      "--clip-skip <n>",
      "with --prompt: last layers of the text encoder that it leaves out (default: 0)",
      integer("--clip-skip", 0, MOST_LAYERS),
    )
    .option(
      "--lora <file[:weight]>",
      "with --prompt: a LoRA that changes the model, such as style.safetensors:0.8 or hf:OWNER/NAME (weight: 1); can be repeated, all take part",
      weightedFiles("--lora"),
    )
    .option(
      "--prompt-2 <text>",
      "of Stable Diffusion XL: for its second text encoder; once for all prompts, or once for each (default: the same)",
      texts,
    )
    .option("--negative-2 <text>", "the same for --negative", texts)
    .option(
      "--original-size <pixels>",
      "of Stable Diffusion XL: the images are like those of originals of this size, as --size (default: the images')",
      imageSize("--original-size", 1, MOST_SIDE),
    )
    .option(
      "--target-size <pixels>",
      "and like images of this size (default: the images')",
      imageSize("--target-size", 1, MOST_SIDE),
    )
    .option(
      "--crop-top-left <top,left>",
      "and like those that were cropped there, pixels (default: 0,0)",
      corner("--crop-top-left", MOST_SIDE),
    )
    .option(
      "--negative-original-size <pixels>",
      "and not like originals of this size (default: as the others)",
      imageSize("--negative-original-size", 1, MOST_SIDE),
    )
    .option(
      "--negative-target-size <pixels>",
      "and not like images of this size",
      imageSize("--negative-target-size", 1, MOST_SIDE),
    )
    .option(
      "--negative-crop-top-left <top,left>",
      "and not like those that were cropped there",
      corner("--negative-crop-top-left", MOST_SIDE),
    )
    .option(
      "--refiner <folder>",
      "with --prompt, of Stable Diffusion XL: a second model that draws the last steps; a folder, hf:OWNER/NAME, or a single file",
      nonEmpty("--refiner"),
    )
    .option(
      "--denoising-end <x>",
      `with --refiner: where it takes over, 0 for noise, 1 for the image (default: ${DENOISING_END})`,
      decimal("--denoising-end", { min: 0, max: 1, inclusive: false }),
    )
    .option("--seed <n>", "image k of a seed is always the same (default: 0)", integer("--seed", 0))
    .option(
      "--seed-compat <name>",
      "torch: the images that diffusers draws with this seed and --count, by default with the scheduler and steps of its pipeline",
      choice("--seed-compat", SEED_COMPATS),
    )
    .option(
      "--batch-size <n>",
      "images computed at a time (default: 16, with --prompt 1)",
      integer("--batch-size", 1),
    )
    .option(
      "--tiled",
      "with --prompt: decode the images in tiles, in less memory (default: where they would not fit otherwise)",
    )
    .option(
      "--tokenizer <folder>",
      "of a single file (.safetensors): the vocabulary, as the folder tokenizer of a pipeline has it",
      nonEmpty("--tokenizer"),
    )
    .option(
      "--config <folder>",
      "of a single file: a pipeline's folder, of which all but the weights is taken (default: the published models')",
      nonEmpty("--config"),
    )
    .option("--variant <name>", "which weights of the folder, such as fp16", nonEmpty("--variant"))
    .option("--revision <name>", "of hf:OWNER/NAME: a branch, a tag or a commit", nonEmpty("--revision"))
    .option(
      "--walk <seeds>",
      "an animation that goes smoothly from seed to seed and back, such as 3,7,12; --count images at a time",
      integers("--walk", 2, MOST_SEEDS),
    )
    .option(
      "--walk-frames <n>",
      "images from a seed to the next (default: 16)",
      integer("--walk-frames", 1, MOST_FRAMES),
    )
    .option(
      "--out <file>",
      "the sheet (default: samples.png), or the walk: .webp, .gif or .png (default: walk.webp)",
      fileName("--out", [...IMAGE_FILES, ".gif"]),
    )
    .option(
      "--margin <pixels>",
      "around the sheet (default: 4; of one image of a prompt 0)",
      integer("--margin", 0, MOST_MARGIN),
    )
    .option(
      "--captions <what>",
      `below each image: ${CAPTIONS.join(" | ")}`,
      choice("--captions", CAPTIONS),
      "none",
    )
    .option("--each <folder>", "also write every image there", nonEmpty("--each"))
    .option(
      "--film <file>",
      "also an animation of how the first image came out of the noise: .webp, .gif or .png",
      fileName("--film", ANIMATED_FILES),
    )
    .option(
      "--film-frames <n>",
      "its images, if there are as many steps (default: 24)",
      integer("--film-frames", 2, MOST_FRAMES),
    )
    .option("--film-strip <file>", "the same as one picture", fileName("--film-strip", IMAGE_FILES))
    .option(...COMMON.force)
    .option(...COMMON.threads)
    .option(...COMMON.backend)
    .option(...COMMON.precision)
    .option(...COMMON.distributed)
    .option(...COMMON.json)
    .allowExcessArguments(false)
    .action(sample);
}
