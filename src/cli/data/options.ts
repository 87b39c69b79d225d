// The options of imago data.

import type { Command } from "commander";
import { addAugmentOptions } from "../augment_flags.ts";
import { COMMON } from "../common_flags.ts";
import { IMAGE_FILES } from "../files.ts";
import { fileName, integer } from "../parsers.ts";
import { FORM, SELECTION, SIZE_OF_FILES } from "../source_flags.ts";
import { SOURCES } from "../sources.ts";
import { dataCache, dataInfo, dataPreview } from "./data.ts";

/** Adds the command. */
export function addData(program: Command): void {
  const data = program
    .command("data")
    .description("look at images before training on them")
    .helpCommand(false);
  data
    .command("info")
    .description(
      "count and check the images, their sizes, formats and labels; find broken files and near-duplicates",
    )
    .argument("<source>", SOURCES)
    .option(...SELECTION.split)
    .option(...SELECTION.imageColumn)
    .option(...SELECTION.labelColumn)
    .option(...SIZE_OF_FILES)
    .option(...FORM.channels)
    .option(...FORM.fit)
    .option(...FORM.ground)
    .option(...COMMON.skipBroken)
    .option(...COMMON.json)
    .allowExcessArguments(false)
    .action(dataInfo);
  const preview = data
    .command("preview")
    .description("draw the images as training sees them")
    .argument("<source>", SOURCES)
    .option(...SELECTION.split)
    .option(...SELECTION.imageColumn)
    .option(...SELECTION.labelColumn)
    .option(...SIZE_OF_FILES)
    .option(...FORM.channels)
    .option(...FORM.fit)
    .option(...FORM.ground)
    .option("--count <n>", "images in the grid", integer("--count", 1, 10_000), 64)
    .option("--seed <n>", "decides what is done at random, as in training", integer("--seed", 0), 0)
    .option("--out <file>", "the grid", fileName("--out", IMAGE_FILES), "preview.png")
    .option(...COMMON.skipBroken)
    .option(...COMMON.force)
    .option(...COMMON.json)
    .allowExcessArguments(false)
    .action(dataPreview);
  addAugmentOptions(preview);
  data
    .command("cache")
    .description(
      "list the decoded images that are kept on the disk, so that large sources are read once only",
    )
    .option("--clear", "remove them")
    .option(...COMMON.json)
    .allowExcessArguments(false)
    .action(dataCache);
}
