// The betas of a config and their running product.

import { cumulativeAlphas, makeBetas, rescaleZeroTerminalSnr } from "../math/betas.ts";
import type { ConfigOf, PartialConfigOf } from "./options.ts";
import type { noiseScheduleOptions, zeroSnrOptions } from "./shared_options.ts";

/** The options that fix the noise levels. */
export type NoiseScheduleConfig = ConfigOf<typeof noiseScheduleOptions> &
  PartialConfigOf<typeof zeroSnrOptions>;

/** T values each, float32. */
export interface NoiseSchedule {
  /** β_t. */
  readonly betas: Float32Array;
  /** ᾱ_t, the running product of 1 - β_t. */
  readonly alphasCumprod: Float32Array;
}

/** @throws RangeError unless there are T trainedBetas */
export function noiseSchedule(className: string, config: NoiseScheduleConfig): NoiseSchedule {
  const { numTrainTimesteps, betaSchedule, betaStart, betaEnd, trainedBetas, rescaleBetasZeroSnr } = config;
  if (trainedBetas !== null && trainedBetas.length !== numTrainTimesteps) {
    throw new RangeError(
      `${className}: trainedBetas has ${trainedBetas.length} values, ` +
        `expected numTrainTimesteps = ${numTrainTimesteps} of them`,
    );
  }
  const plain = trainedBetas
    ? Float32Array.from(trainedBetas)
    : makeBetas(betaSchedule, numTrainTimesteps, betaStart, betaEnd);
  const betas = rescaleBetasZeroSnr === true ? rescaleZeroTerminalSnr(plain) : plain;
  return { betas, alphasCumprod: cumulativeAlphas(betas) };
}
