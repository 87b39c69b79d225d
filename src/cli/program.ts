// The imago command: its subcommands and their options. What they do is in the file of each.

import { Command, CommanderError } from "commander";
import { BACKEND_NAMES } from "../engine/backends/create.ts";
import { SEED_COMPATS } from "../pipelines/seeding.ts";
import { samplerNames, schedulers } from "../schedulers/index.ts";
import { PRESET_NAMES } from "../training/presets.ts";
import { VERSION } from "../version.ts";
import { addAugmentOptions } from "./augment_flags.ts";
import { BENCHES, bench } from "./bench.ts";
import { dataCache, dataInfo, dataPreview } from "./data.ts";
import { UsageError } from "./errors.ts";
import { evaluate } from "./eval.ts";
import { FEATURES } from "./eval_features.ts";
import { choice, decimal, fileName, integer, license, nonEmpty, settings } from "./parsers.ts";
import { push } from "./push.ts";
import { sample } from "./sample.ts";
import { MAX_SIZE, SELECTION } from "./source_flags.ts";
import { SOURCES } from "./sources.ts";
import { addTrain } from "./train_options.ts";
import { imagoCommand } from "./wording.ts";

/** The formats that images are written in. */
const IMAGE_FILES = [".png", ".jpg", ".jpeg", ".webp"];

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

function createProgram(): Command {
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

function addSample(program: Command): void {
  const names = [...Object.keys(schedulers), ...samplerNames];
  program
    .command("sample")
    .description("draw images with a trained model")
    .argument("<folder>", "a run's folder, a pipeline's (with model_index.json), or hf:OWNER/NAME")
    .option("--count <n>", "images", integer("--count", 1, 100_000), 16)
    .option(
      "--steps <n>",
      "denoising steps (default: 50, for ddpm 1000, for repaint 250)",
      integer("--steps", 1),
    )
    .option(
      "--scheduler <name>",
      `${names.join(" | ")} (default: the model's own, ddim for ddpm; with --image repaint)`,
      choice("--scheduler", names),
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
    .option("--image <file>", "repaint: an image of which a part is drawn anew", nonEmpty("--image"))
    .option("--mask <file>", "repaint: which part: white is kept, black is drawn", nonEmpty("--mask"))
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
    .option(
      "--class <names>",
      "class-conditional models: names or numbers of classes, with commas; images take them in turn (default: all)",
      nonEmpty("--class"),
    )
    .option(
      "--guidance <x>",
      "class-conditional models: 1 draws as learnt; 2, say, more typical of the class, less varied, in twice the time (default: 1)",
      decimal("--guidance", { min: 0 }),
    )
    .option(
      "--guidance-rescale <x>",
      "with guidance: 0 to 1, against pictures that it makes too loud (default: 0; 0.7 is usual)",
      decimal("--guidance-rescale", { min: 0, max: 1 }),
    )
    .option("--seed <n>", "image k of a seed is always the same", integer("--seed", 0), 0)
    .option(
      "--seed-compat <name>",
      "torch: the images that diffusers draws with this seed and --count",
      choice("--seed-compat", SEED_COMPATS),
    )
    .option("--batch-size <n>", "images computed at a time", integer("--batch-size", 1), 16)
    .option("--variant <name>", "which weights of the folder, such as fp16", nonEmpty("--variant"))
    .option("--revision <name>", "of hf:OWNER/NAME: a branch, a tag or a commit", nonEmpty("--revision"))
    .option("--out <file>", "the grid", fileName("--out", IMAGE_FILES), "samples.png")
    .option("--each <folder>", "also write every image there", nonEmpty("--each"))
    .option(
      "--film <file>",
      "also draw how the first image came out of the noise",
      fileName("--film", IMAGE_FILES),
    )
    .option("--force", "replace files that are there already")
    .option("--threads <n>", "default: what the machine has", integer("--threads", 1, 256))
    .option("--backend <name>", BACKEND_NAMES.join(" | "), choice("--backend", BACKEND_NAMES))
    .option("--json", "one JSON object a line on stdout")
    .allowExcessArguments(false)
    .action(sample);
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
    .option("--json", "one JSON object a line on stdout")
    .allowExcessArguments(false)
    .action(push);
}

function addEval(program: Command): void {
  const names = [...Object.keys(schedulers), ...samplerNames];
  program
    .command("eval")
    .description("measure how near a model's images, or a folder's, come to those of a data set")
    .argument("<subject>", "a run's folder, a pipeline's, or images as --data takes them")
    .option("--data <source>", "the images to compare with (default: those of the run)", nonEmpty("--data"))
    .option(...SELECTION.split)
    .option(...SELECTION.imageColumn)
    .option("--count <n>", "images to draw", integer("--count", 2, 100_000), 1000)
    .option("--size <pixels>", "without a model: side of the square images", integer("--size", 1, MAX_SIZE))
    .option("--steps <n>", "denoising steps (default: 50, for ddpm 1000)", integer("--steps", 1))
    .option(
      "--scheduler <name>",
      "as for imago sample (default: the model's own, ddim for ddpm)",
      choice("--scheduler", names),
    )
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
    .option("--skip-broken", "leave out images that cannot be read, and say which")
    .option("--force", "replace files that are there already")
    .option("--threads <n>", "default: what the machine has", integer("--threads", 1, 256))
    .option("--backend <name>", BACKEND_NAMES.join(" | "), choice("--backend", BACKEND_NAMES))
    .option("--json", "one JSON object a line on stdout")
    .allowExcessArguments(false)
    .action(evaluate);
}

function addBench(program: Command): void {
  program
    .command("bench")
    .description("measure speed and memory on this machine")
    .argument("<what>", BENCHES.join(" | "), choice("what to measure", BENCHES))
    .option("--preset <name>", "the model to measure with", choice("--preset", PRESET_NAMES), "quick")
    .option("--batch-size <n>", "images per step (default: the preset's)", integer("--batch-size", 1))
    .option("--repeat <n>", "timed steps; the median counts", integer("--repeat", 1, 1000), 5)
    .option("--top <n>", "the most expensive kernels to show; of ops, products", integer("--top", 0), 15)
    .option("--threads <n>", "default: what the machine has", integer("--threads", 1, 256))
    .option("--backend <name>", BACKEND_NAMES.join(" | "), choice("--backend", BACKEND_NAMES))
    .option("--json", "one JSON object a line on stdout")
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
    .option("--skip-broken", "leave out images that cannot be read, and say which")
    .option("--json", "one JSON object a line on stdout")
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
    .option("--skip-broken", "leave out images that cannot be read, and say which")
    .option("--force", "replace a file that is there already")
    .option("--json", "one JSON object a line on stdout")
    .allowExcessArguments(false)
    .action(dataPreview);
  addAugmentOptions(preview);
  data
    .command("cache")
    .description(
      "list the decoded images that are kept on the disk, so that large sources are read once only",
    )
    .option("--clear", "remove them")
    .option("--json", "one JSON object a line on stdout")
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
