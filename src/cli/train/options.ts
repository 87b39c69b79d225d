// The options of imago train.

import type { Command } from "commander";
import { PATCH_SIZES } from "../../codecs/patches.ts";
import { schedulerNames } from "../../schedulers/index.ts";
import { betaSchedules } from "../../schedulers/math/betas.ts";
import { solverPredictionTypes } from "../../schedulers/math/prediction.ts";
import { PRESET_NAMES, PRESETS } from "../../training/presets.ts";
import { LR_SCHEDULES, MOST, MOST_EVALUATED, NO_EVALUATION } from "../../training/settings.ts";
import { OPTIMIZERS } from "../../training/step/optimizer.ts";
import { TIMESTEP_SAMPLINGS } from "../../training/step/timestep_sampling.ts";
import { addAugmentOptions } from "../augment_flags.ts";
import { COMMON } from "../common_flags.ts";
import { choice, decimal, integer, nonEmpty, numberChoice } from "../parsers.ts";
import { FORM, SELECTION } from "../source_flags.ts";
import { SOURCES } from "../sources.ts";
import { train } from "./train.ts";

/** Adds the command. */
export function addTrain(program: Command): void {
  const presets = PRESET_NAMES.map((name) => `  ${name.padEnd(15)} ${PRESETS[name].summary}`).join("\n");
  const command = program
    .command("train")
    .description("train a model and draw samples from it as it learns")
    .option("--data <source>", SOURCES, nonEmpty("--data"))
    .option(...SELECTION.split)
    .option(...SELECTION.imageColumn)
    .option(...SELECTION.labelColumn)
    .option("--preset <name>", "recipe, see below (default: quick)", choice("--preset", PRESET_NAMES))
    .option("--model <file>", "a UNet2DModel config.json in place of the preset's model", nonEmpty("--model"))
    .option(
      "--init <source>",
      "begin with the weights of a run, a checkpoint or a pipeline (their folder) or of hf:OWNER/NAME, and train that model",
      nonEmpty("--init"),
    )
    .option("--out <folder>", "the run's folder (default: runs/PRESET)", nonEmpty("--out"))
    .option(...FORM.size)
    .option(...FORM.channels)
    .option(...FORM.fit)
    .option(...FORM.ground)
    .option(
      "--patch-size <n>",
      "the model sees squares of so many pixels as one position, which is cheaper: 2, 4 or 8, 1 for pixels",
      numberChoice("--patch-size", [1, ...PATCH_SIZES]),
    )
    .option("--batch-size <n>", "images per step", integer("--batch-size", 1, MOST.batchSize))
    .option(
      "--microbatch <n>",
      "images whose gradients are computed at once: less memory for the same batch (default: all)",
      integer("--microbatch", 1, MOST.batchSize),
    )
    .option("--steps <n>", "length of the run in steps", integer("--steps", 1, MOST.steps))
    .option("--epochs <n>", "length of the run in passes over the images", integer("--epochs", 1))
    .option(
      "--optimizer <name>",
      "adamw (default), or muon for the matrices of hidden layers",
      choice("--optimizer", OPTIMIZERS),
    )
    .option(
      "--learning-rate <x>",
      "peak learning rate",
      decimal("--learning-rate", { min: 0, inclusive: false }),
    )
    .option("--warmup-steps <n>", "steps to reach the peak in", integer("--warmup-steps", 0))
    .option("--lr-schedule <name>", LR_SCHEDULES.join(" | "), choice("--lr-schedule", LR_SCHEDULES))
    .option("--beta-schedule <name>", betaSchedules.join(" | "), choice("--beta-schedule", betaSchedules))
    .option(
      "--prediction-type <name>",
      solverPredictionTypes.join(" | "),
      choice("--prediction-type", solverPredictionTypes),
    )
    .option(
      "--flow-shift <x>",
      "flow_prediction: above 1, more of the training and sampling is near noise",
      decimal("--flow-shift", { min: 0, inclusive: false }),
    )
    .option(
      "--noise-shift <x>",
      "divide the signal-to-noise ratio by x squared; the size over 32 suits large images",
      decimal("--noise-shift", { min: 0.01, max: 100 }),
    )
    .option("--rescale-betas-zero-snr", "end the noise schedule in pure noise, and sample from there")
    .option("--no-rescale-betas-zero-snr", "leave the noise schedule as it is")
    .option(
      "--min-snr-gamma <x>",
      "weigh the loss by min-SNR",
      decimal("--min-snr-gamma", { min: 0, inclusive: false }),
    )
    .option("--no-min-snr-gamma", "weigh all timesteps alike")
    .option(
      "--loss-type <name>",
      "what the loss measures, whatever the model predicts: v_prediction suits a model that predicts the sample",
      choice("--loss-type", solverPredictionTypes),
    )
    .option(
      "--timestep-sampling <name>",
      TIMESTEP_SAMPLINGS.join(" | "),
      choice("--timestep-sampling", TIMESTEP_SAMPLINGS),
    )
    .option("--logit-mean <x>", "logit-normal: below 0 less noise, above 0 more", decimal("--logit-mean", {}))
    .option(
      "--logit-std <x>",
      "logit-normal: the larger, the more of both ends",
      decimal("--logit-std", { min: 0, inclusive: false }),
    )
    .option(
      "--noise-offset <x>",
      "add noise that is constant over a channel, this large (0.1 is usual)",
      decimal("--noise-offset", { min: 0 }),
    )
    .option(
      "--input-perturbation <x>",
      "show more noise than is asked for, by this much (0.1 is usual)",
      decimal("--input-perturbation", { min: 0 }),
    )
    .option(
      "--class-conditional",
      "learn the images' labels, to draw images of a class (imago sample --class)",
    )
    .option(
      "--label-dropout <x>",
      "class-conditional: share of labels hidden, for --guidance in sampling; 0 for none (default: 0.1)",
      decimal("--label-dropout", { min: 0, max: 1 }),
    )
    .option(
      "--ema-max-decay <x>",
      "greatest decay of the average of the weights",
      decimal("--ema-max-decay", { min: 0, max: 1 }),
    )
    .option("--no-ema", "keep no average of the weights")
    .option(
      "--max-grad-norm <x>",
      "cut the gradient's norm to this",
      decimal("--max-grad-norm", { min: 0, inclusive: false }),
    )
    .option(...COMMON.skipBroken)
    .option("--seed <n>", "decides every random number (default: 0)", integer("--seed", 0))
    .option(...COMMON.threads)
    .option(...COMMON.backend)
    .option(...COMMON.precision)
    .option(...COMMON.distributed)
    .option(
      "--sample-every <n>",
      "steps between sample grids, of which the last step has one; 0 for none",
      integer("--sample-every", 0),
    )
    .option(
      "--sample-scheduler <name>",
      "draws the sample grids, and later images of the model where none is chosen (default: the preset's; of a flow its own)",
      choice("--sample-scheduler", schedulerNames),
    )
    .option("--sample-steps <n>", "denoising steps of a sample grid", integer("--sample-steps", 1))
    .option("--sample-count <n>", "images of a sample grid", integer("--sample-count", 1, MOST.sampleCount))
    .option(
      "--eval-every <n>",
      "steps between quality numbers (patch FD and KD), 0 for none (default: 0)",
      integer("--eval-every", 0),
    )
    .option(
      "--eval-count <n>",
      `images drawn for them (default: ${NO_EVALUATION.evalCount})`,
      integer("--eval-count", 2, MOST_EVALUATED),
    )
    .option(
      "--checkpoint-every <n>",
      "steps between checkpoints; 0 for one at the end only",
      integer("--checkpoint-every", 0),
    )
    .option("--keep-checkpoints <n>", "how many are kept", integer("--keep-checkpoints", 1))
    .option("--resume", "go on from the last checkpoint in --out")
    .option(...COMMON.json)
    .addHelpText("after", `\nPresets:\n${presets}`)
    .allowExcessArguments(false)
    .action(train);
  addAugmentOptions(command);
}
