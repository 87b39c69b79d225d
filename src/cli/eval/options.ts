// The options of imago eval.

import type { Command } from "commander";
import { COMMON } from "../common_flags.ts";
import { DRAWING, SCHEDULER_NAMES } from "../drawing_flags.ts";
import { IMAGE_FILES } from "../files.ts";
import { choice, fileName, integer, nonEmpty } from "../parsers.ts";
import { FORM, SELECTION, SIZE_OF_FILES } from "../source_flags.ts";
import { evaluate } from "./eval.ts";
import { FEATURES } from "./features.ts";

export function addEval(program: Command): void {
  program
    .command("eval")
    .description("measure how near a model's images, or a folder's, come to those of a data set")
    .argument("<subject>", "a run's folder, a pipeline's, or images as --data takes them")
    .option("--data <source>", "the images to compare with (default: those of the run)", nonEmpty("--data"))
    .option(...SELECTION.split)
    .option(...SELECTION.imageColumn)
    .option(...SELECTION.labelColumn)
    .option("--count <n>", "images to draw", integer("--count", 2, 100_000), 1000)
    .option(SIZE_OF_FILES[0], `without a model: ${SIZE_OF_FILES[1]}`, SIZE_OF_FILES[2])
    .option(...FORM.channels)
    .option(...FORM.fit)
    .option(...FORM.ground)
    .option("--steps <n>", "denoising steps (default: 50, for ddpm 1000)", integer("--steps", 1))
    .option(
      "--scheduler <name>",
      "as for imago sample (default: the model's own, ddim for ddpm)",
      choice("--scheduler", SCHEDULER_NAMES),
    )
    .option(...DRAWING.checkpoint)
    .option(...DRAWING.guidance)
    .option(...DRAWING.guidanceRescale)
    .option("--seed <n>", "decides the images that are drawn", integer("--seed", 0), 0)
    .option("--batch-size <n>", "images drawn at a time", integer("--batch-size", 1), 32)
    .option(
      "--features <name>",
      `${FEATURES.join(" | ")}: what images are compared by (default: embedded; with --inception pytorch-fid)`,
      choice("--features", FEATURES),
    )
    .option(
      "--inception <file>",
      "weights of FID's Inception network: a safetensors file, or hf:OWNER/NAME that holds one",
      nonEmpty("--inception"),
    )
    .option(
      "--memorisation <file>",
      "look for copies of the data, and draw the images that come nearest beside it",
      fileName("--memorisation", IMAGE_FILES),
    )
    .option(
      "--bits-per-dim <n>",
      "also the variational bound, over this many images of the data",
      integer("--bits-per-dim", 1, 100_000),
    )
    .option(...COMMON.skipBroken)
    .option(...COMMON.force)
    .option(...COMMON.threads)
    .option(...COMMON.backend)
    .option(...COMMON.distributed)
    .option(...COMMON.json)
    .allowExcessArguments(false)
    .action(evaluate);
}
