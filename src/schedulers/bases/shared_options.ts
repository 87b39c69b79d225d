// Options shared by several families of schedulers; diffusers' names, in camelCase.

import * as v from "valibot";
import { betaSchedules } from "../math/betas.ts";
import { predictionTypes } from "../math/prediction.ts";
import { timestepSpacings } from "../math/spacing.ts";
import { type ConfigOf, float, option, positive, timestepCount, wholeFrom } from "./options.ts";

const beta = v.pipe(v.number(), v.gtValue(0), v.maxValue(1));

/** Options that define the noise levels. */
export const noiseScheduleOptions = {
  /** T, the number of noise levels the model is trained on. */
  numTrainTimesteps: option(timestepCount, 1000),
  /** β of the first timestep, above 0 and at most 1. */
  betaStart: float(beta, 0.0001),
  /** β of the last timestep; not used by "squaredcos_cap_v2". */
  betaEnd: float(beta, 0.02),
  /** How β grows from the first to the last. */
  betaSchedule: option(v.picklist(betaSchedules), "linear"),
  /** T betas, in place of a schedule. */
  trainedBetas: float(v.nullable(v.array(v.pipe(v.number(), v.minValue(0), v.maxValue(1)))), null),
};

export const predictionOptions = {
  /** What the model's output means. */
  predictionType: option(v.picklist(predictionTypes), "epsilon"),
};

export const clippingOptions = {
  /** Clamp the predicted x_0 to [-clipSampleRange, clipSampleRange]. */
  clipSample: option(v.boolean(), true),
  /** The range that clipSample clamps to. */
  clipSampleRange: float(positive, 1),
};

export const thresholdingOptions = {
  /** Dynamic thresholding of the predicted x_0; replaces clipping where both are on. */
  thresholding: option(v.boolean(), false),
  /** The quantile of an image's |x_0| that becomes its threshold. */
  dynamicThresholdingRatio: float(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0.995),
  /** The largest threshold; the smallest is 1. */
  sampleMaxValue: float(positive, 1),
};

export const timestepOptions = {
  /** Which of the T timesteps a shorter run visits. */
  timestepSpacing: option(v.picklist(timestepSpacings), "leading"),
  /** Added to the timesteps of "leading" spacing. */
  stepsOffset: option(wholeFrom(0), 0),
};

export const zeroSnrOptions = {
  /** Rescale the betas so that the last timestep is pure noise. */
  rescaleBetasZeroSnr: option(v.boolean(), false),
};

/** Options of most schedulers over timesteps. */
export const discreteOptions = {
  ...noiseScheduleOptions,
  ...predictionOptions,
  ...clippingOptions,
  ...thresholdingOptions,
  ...timestepOptions,
  ...zeroSnrOptions,
};
export type DiscreteConfig = ConfigOf<typeof discreteOptions>;

/** Options of schedulers with other spacings of sigmas than the timesteps'; at most one is true. */
export const sigmaSpacingOptions = {
  /** Karras et al. 2022, equation 5. */
  useKarrasSigmas: option(v.boolean(), false),
  /** Even in log σ. */
  useExponentialSigmas: option(v.boolean(), false),
  /** Quantiles of a beta distribution (Lee et al. 2024). */
  useBetaSigmas: option(v.boolean(), false),
};

export const finalSigmasOptions = {
  /** Where the last step ends: at no noise, or at the smallest noise level of training. */
  finalSigmasType: option(v.picklist(["zero", "sigma_min"]), "zero"),
};
