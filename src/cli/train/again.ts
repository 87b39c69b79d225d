// The command that continues training from a checkpoint like the run did, but in a new folder and at a lower learning
// rate: the advice after a run has diverged.

import { existsSync } from "node:fs";
import { DEFAULT_BACKEND } from "../../engine/backends/create.ts";
import { DEFAULT_PRECISION } from "../../engine/precision.ts";
import { PRESETS, runSteps } from "../../training/presets.ts";
import type { TrainSettings } from "../../training/settings.ts";
import { DEFAULT_LABEL_DROPOUT } from "../../training/step/batch_labels.ts";
import { answerOf } from "../../training/step/objective.ts";
import type { Trainer } from "../../training/trainer.ts";
import { SYNTHETIC } from "../sources.ts";
import { flagOf, imagoCommand } from "../wording.ts";
import { presetOf, settingsFor } from "./base.ts";
import type { TrainPlan } from "./plan.ts";

/** Settings whose option takes their value unchanged. */
const PLAIN = [
  "batchSize",
  "optimizer",
  "precision",
  "lrSchedule",
  "timestepSampling",
  "logitMean",
  "logitStd",
  "noiseOffset",
  "inputPerturbation",
  "maxGradNorm",
  "randomCrop",
  "rotate",
  "translate",
  "colorJitter",
  "augmentProbability",
  "sampleEvery",
  "sampleScheduler",
  "sampleSteps",
  "sampleCount",
  "evalEvery",
  "checkpointEvery",
  "keepCheckpoints",
] as const satisfies readonly (keyof TrainSettings)[];

/** The factor by which the learning rate is reduced. */
const LOWER = 4;

/** The command as a user would type it. @param imageCount of the run's data */
export function trainAgain(
  { data, scheduler, classConditional, options }: TrainPlan,
  { settings, folder }: Trainer,
  checkpoint: string,
  imageCount: number,
): string {
  const preset = PRESETS[presetOf(undefined, { preset: options.preset ?? null })];
  const { length } = preset;
  const usual = { ...preset.settings, precision: DEFAULT_PRECISION, ...settingsFor(scheduler, preset) };
  const flag = (option: string, value: unknown): string[] => [flagOf(option), String(value)];
  const args = ["--init", checkpoint, "--out", unusedName(folder.path)];
  args.push(...flag("learningRate", Number((settings.learningRate / LOWER).toPrecision(2))));
  if (data.source !== SYNTHETIC) args.push("--data", data.source);
  for (const [option, value] of Object.entries(data.selection)) args.push(...flag(option, value));
  if (data.fit !== undefined) args.push(...flag("fit", data.fit));
  if (data.ground !== undefined) args.push(...flag("ground", data.ground));
  if (data.skipBroken) args.push("--skip-broken");
  if (classConditional) args.push("--class-conditional");
  if (classConditional && settings.labelDropout !== DEFAULT_LABEL_DROPOUT) {
    args.push(...flag("labelDropout", settings.labelDropout));
  }
  for (const option of PLAIN) {
    if (settings[option] !== usual[option]) args.push(...flag(option, settings[option]));
  }
  if (settings.evalEvery > 0) args.push(...flag("evalCount", settings.evalCount));
  const isLong = settings.steps === runSteps(length, imageCount, settings.batchSize);
  if (!isLong) args.push(...flag("steps", settings.steps));
  // A preset's warm-up is shortened for a shorter run.
  if (!isLong || settings.warmupSteps !== usual.warmupSteps) {
    args.push(...flag("warmupSteps", settings.warmupSteps));
  }
  if (settings.flip !== usual.flip) args.push(settings.flip ? "--flip" : "--no-flip");
  if (settings.minSnrGamma !== usual.minSnrGamma || settings.lossType !== usual.lossType) {
    // What the model predicts stands for no other weighting.
    const lossType = settings.lossType ?? answerOf(scheduler);
    args.push(
      ...(settings.minSnrGamma === null
        ? flag("lossType", lossType)
        : flag("minSnrGamma", settings.minSnrGamma)),
    );
  }
  if (settings.emaMaxDecay !== usual.emaMaxDecay) {
    args.push(...(settings.emaMaxDecay === null ? ["--no-ema"] : flag("emaMaxDecay", settings.emaMaxDecay)));
  }
  if (settings.seed !== 0) args.push(...flag("seed", settings.seed));
  if (options.backend !== undefined && options.backend !== DEFAULT_BACKEND)
    args.push(...flag("backend", options.backend));
  return imagoCommand("train", ...args);
}

/** "runs/a" -> "runs/a-2", or the next such name that is free. */
function unusedName(path: string): string {
  let count = 2;
  while (existsSync(`${path}-${count}`)) count++;
  return `${path}-${count}`;
}
