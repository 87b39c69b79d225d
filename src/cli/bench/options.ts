// The options of imago bench.

import type { Command } from "commander";
import { PRESET_NAMES } from "../../training/presets.ts";
import { MOST } from "../../training/settings.ts";
import { COMMON } from "../common_flags.ts";
import { choice, integer } from "../parsers.ts";
import { BENCHES, bench } from "./bench.ts";

/** Adds the command. */
export function addBench(program: Command): void {
  program
    .command("bench")
    .description("measure speed and memory on this machine")
    .argument("<what>", BENCHES.join(" | "), choice("what to measure", BENCHES))
    .option("--preset <name>", "the model to measure with", choice("--preset", PRESET_NAMES), "quick")
    .option(
      "--batch-size <n>",
      "images per step (default: the preset's)",
      integer("--batch-size", 1, MOST.batchSize),
    )
    .option("--repeat <n>", "timed steps; the median counts", integer("--repeat", 1, 1000), 5)
    .option("--top <n>", "the most expensive kernels to show; of ops, products", integer("--top", 0), 15)
    .option(...COMMON.threads)
    .option(...COMMON.backend)
    .option(...COMMON.precision)
    .option(...COMMON.json)
    .allowExcessArguments(false)
    .action(bench);
}
