// noise_schedule.ts: the betas of a config and their running product.

import { type BetaSchedule, cumulativeAlphas, makeBetas, rescaleZeroTerminalSnr } from "../math/betas.ts";

/** The options that fix the noise levels. */
export type NoiseScheduleConfig = {
  /** T, the number of noise levels the model is trained on. */
  numTrainTimesteps: number;
  betaStart: number;
  betaEnd: number;
  betaSchedule: BetaSchedule;
  /** T betas to use in place of a schedule. */
  trainedBetas: number[] | null;
  /** Rescale the betas so that the last timestep is pure noise; false for schedulers without this option. */
  rescaleBetasZeroSnr?: boolean | undefined;
};

/** T values each, float32. */
export interface NoiseSchedule {
  /** β_t. */
  readonly betas: Float32Array;
  /** ᾱ_t, the running product of 1 - β_t. */
  readonly alphasCumprod: Float32Array;
}

/** @throws RangeError when trainedBetas are not T values */
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
