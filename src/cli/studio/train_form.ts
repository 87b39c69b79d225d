// What the page's form asks for, as arguments of imago train. The command checks the values: the page shows its words.

import * as v from "valibot";
import { flagOf } from "../wording.ts";
import { HttpError } from "./http_error.ts";

/** The options of imago train that the page may give; its folder is chosen by the name of the run. */
const OPTIONS: readonly string[] = [
  ...["data", "split", "imageColumn", "labelColumn", "preset", "init", "size", "channels", "fit", "ground"],
  ...["patchSize", "batchSize", "steps", "optimizer", "learningRate", "warmupSteps", "lrSchedule"],
  ...["predictionType", "noiseShift", "minSnrGamma", "lossType", "timestepSampling", "noiseOffset"],
  ...["classConditional", "labelDropout", "emaMaxDecay", "ema", "maxGradNorm", "skipBroken", "seed"],
  ...["threads", "backend", "precision", "flip", "randomCrop", "rotate", "translate", "colorJitter"],
  ...["sampleEvery", "sampleScheduler", "sampleSteps", "sampleCount", "evalEvery", "evalCount"],
  ...["checkpointEvery", "keepCheckpoints"],
];

const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_. -]{0,99}$/u;

/** The body of a request for a training. */
export const trainFormSchema = v.object({
  /** Of the run: the name of its folder. */
  name: v.pipe(v.string(), v.regex(NAME, "expected a name of letters, digits, spaces, dots and dashes")),
  options: v.record(
    v.string(),
    v.union([v.pipe(v.string(), v.maxLength(4096)), v.pipe(v.number(), v.finite()), v.boolean()]),
  ),
});
export type TrainForm = v.InferOutput<typeof trainFormSchema>;

/** @throws HttpError for an option that imago train does not have */
export function trainArguments({ options }: Pick<TrainForm, "options">): string[] {
  return Object.entries(options).flatMap(([option, value]) => {
    if (!OPTIONS.includes(option)) throw new HttpError(400, `${flagOf(option)} is no option of imago train`);
    const flag = flagOf(option);
    if (value === true) return [flag];
    if (value === false) return [flag.replace(/^--/, "--no-")];
    return [`${flag}=${value}`];
  });
}
