// The options for the spacing of sigmas, and the resulting plan.

import { atMostOne, type PartialConfigOf } from "../bases/options.ts";
import type { sigmaSpacingOptions } from "../bases/shared_options.ts";
import type { SigmaPlan } from "../bases/sigma_scheduler.ts";
import {
  betaSigmas,
  exponentialSigmas,
  interpolate,
  karrasSigmas,
  type SigmaRange,
  timestepOfSigma,
} from "./sigmas.ts";

/** For schedulers of which some have these options. At most one is true; with none, sigmas are the timesteps'. */
export type OptionalSigmaSpacing = PartialConfigOf<typeof sigmaSpacingOptions> & {
  /** Even in λ; for variance-preserving samples the same as even in log σ. */
  useLuLambdas?: boolean | undefined;
};

/** Makes `count` falling sigmas. */
export type SigmaSpacing = (range: SigmaRange, count: number) => number[];

/**
 * The configured spacing; null where sigmas follow the timesteps. @throws RangeError for two at once
 * @throws RangeError for two at once
 */
export function sigmaSpacing(className: string, config: OptionalSigmaSpacing): SigmaSpacing | null {
  const { useKarrasSigmas = false, useExponentialSigmas = false, useBetaSigmas = false } = config;
  const { useLuLambdas = false } = config;
  atMostOne(className, { useKarrasSigmas, useExponentialSigmas, useBetaSigmas, useLuLambdas });
  if (useKarrasSigmas) return karrasSigmas;
  if (useExponentialSigmas || useLuLambdas) return exponentialSigmas;
  return useBetaSigmas ? betaSigmas : null;
}

/** The sigmas at given timesteps, without the one where the last step ends. */
export const sigmasAt = (timesteps: readonly number[], trained: Float32Array): number[] =>
  timesteps.map((timestep) => interpolate(timestep, trained));

/** Sigmas spaced over a range, and the timesteps that correspond to them. */
export function spacedPlan(
  spacing: SigmaSpacing,
  range: SigmaRange,
  count: number,
  trained: Float32Array,
): SigmaPlan {
  const sigmas = spacing(range, count);
  return { sigmas, timesteps: sigmas.map((sigma) => timestepOfSigma(sigma, trained)) };
}
