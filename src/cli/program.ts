// The imago command: its subcommands and their options. What they do is in the file of each.

import { Command, CommanderError } from "commander";
import { PRESET_NAMES } from "../training/presets.ts";
import { MOST } from "../training/settings.ts";
import { VERSION } from "../version.ts";
import { addAugmentOptions } from "./augment_flags.ts";
import { BENCHES, bench } from "./bench/bench.ts";
import { COMMON } from "./common_flags.ts";
import { dataCache, dataInfo, dataPreview } from "./data/data.ts";
import { UsageError } from "./errors.ts";
import { addEval } from "./eval/options.ts";
import { IMAGE_FILES } from "./files.ts";
import { choice, fileName, integer, license, nonEmpty } from "./parsers.ts";
import { push } from "./push/push.ts";
import { addSample } from "./sample/options.ts";
import { MAX_SIZE, SELECTION } from "./source_flags.ts";
import { SOURCES } from "./sources.ts";
import { addTrain } from "./train/options.ts";
import { imagoCommand } from "./wording.ts";

/**
 * Runs the command.
 * @param args what stands after `imago`
 * @throws UsageError when the command is wrong, other errors when the work fails
 */
export async function runCommand(args: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    throw new UsageError(usageLine(error, args));
  }
}

/** The command with its subcommands and options. */
export function createProgram(): Command {
  const program = new Command("imago")
    .description("Trains diffusion models on your own images and draws new ones from them.")
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .showSuggestionAfterError(true)
    .helpCommand("help [command]", "the same as --help");
  addTrain(program);
  addSample(program);
  addPush(program);
  addEval(program);
  addBench(program);
  addData(program);
  return program;
}

function addPush(program: Command): void {
  program
    .command("push")
    .description("upload a run's model to the Hugging Face Hub, with a card that says how it was made")
    .argument("<run>", "the run's folder")
    .argument("<repository>", "hf:OWNER/NAME; it is made if there is none")
    .option("--private", "let nobody else see a repository that is made")
    .option("--message <text>", "what the commit is called", nonEmpty("--message"))
    .option(
      "--license <name>",
      "for the card, such as apache-2.0 (default: none is named)",
      license("--license"),
    )
    .option("--force", "replace a README.md that was written by hand")
    .option("--dry-run [folder]", "upload nothing; show the card, or write all files into a folder")
    .option(...COMMON.json)
    .allowExcessArguments(false)
    .action(push);
}

function addBench(program: Command): void {
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
    .option(...COMMON.json)
    .allowExcessArguments(false)
    .action(bench);
}

function addData(program: Command): void {
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
    .option("--size <pixels>", "side of the square images", integer("--size", 1, MAX_SIZE), 32)
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
    .option("--size <pixels>", "side of the square images", integer("--size", 1, MAX_SIZE), 32)
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

/** Commander's message as our one line. */
function usageLine(error: CommanderError, args: readonly string[]): string {
  if (error.code === "commander.help") {
    return args.length === 0
      ? `no command given; ${imagoCommand("--help")} lists them, ${imagoCommand("train")} makes a start`
      : `${args.join(" ")}: which part of it? ${imagoCommand(...args, "--help")} lists them`;
  }
  return error.message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
}
