// The options of imago studio.

import type { Command } from "commander";
import { COMMON } from "../common_flags.ts";
import { integer, nonEmpty } from "../parsers.ts";
import { studio } from "./studio.ts";

/** Adds the command. */
export function addStudio(program: Command): void {
  program
    .command("studio")
    .description("open a page in which to train, look at images and runs, and draw")
    .argument("[folder]", "the folder of runs, and of models to draw with", "runs")
    .option("--port <n>", "of the page (default: 7860, or a free one)", integer("--port", 0, 65535))
    .option(
      "--host <name>",
      "let other machines in, by an address of this one (0.0.0.0 for all); the page's address then has a token",
      nonEmpty("--host"),
    )
    .option("--no-open", "do not open the page in a browser")
    .option(...COMMON.json)
    .allowExcessArguments(false)
    .action(studio);
}
