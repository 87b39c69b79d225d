// The exponential moving average of the weights, which samples better than the weights themselves. As diffusers'
// EMAModel.

import type { Tensor } from "../../engine/tensor.ts";
import type { JsonObject } from "../../io/diffusers_json.ts";

export interface EmaConfig {
  /** The decay's ceiling. */
  readonly decay: number;
  /** The decay's floor once averaging has begun. */
  readonly minDecay: number;
  /** Steps without averaging at the start. */
  readonly updateAfterStep: number;
  /** Whether the decay rises as 1 - (1 + step/invGamma)^-power, or else as (1 + step)/(10 + step). */
  readonly useEmaWarmup: boolean;
  readonly invGamma: number;
  readonly power: number;
}

/** What the unconditional training script of diffusers sets. */
export const emaDefaults: EmaConfig = {
  decay: 0.9999,
  minDecay: 0,
  updateAfterStep: 0,
  useEmaWarmup: true,
  invGamma: 1,
  power: 0.75,
};

/** The average that a run keeps. @param maxDecay null for none */
export const emaConfig = (maxDecay: number | null): EmaConfig | null =>
  maxDecay === null ? null : { ...emaDefaults, decay: maxDecay };

/**
 * The share of the old average that stays.
 * @param optimizationStep optimizer steps done, this one included: 1 for the first
 */
export function emaDecay(optimizationStep: number, config: EmaConfig): number {
  const step = Math.max(0, optimizationStep - config.updateAfterStep - 1);
  if (step === 0) return 0;
  const rising = config.useEmaWarmup
    ? 1 - (1 + step / config.invGamma) ** -config.power
    : (1 + step) / (10 + step);
  return Math.max(config.minDecay, Math.min(rising, config.decay));
}

/** average - rate (average - weight), where rate is 1 - decay, shape []. */
export const emaUpdate = (average: Tensor, weight: Tensor, rate: Tensor): Tensor =>
  average.sub(average.sub(weight).mul(rate));

/** The keys that diffusers adds to the config.json beside averaged weights. */
export function emaToJson(config: EmaConfig, optimizationStep: number): JsonObject {
  return {
    decay: config.decay,
    min_decay: config.minDecay,
    optimization_step: optimizationStep,
    update_after_step: config.updateAfterStep,
    use_ema_warmup: config.useEmaWarmup,
    inv_gamma: config.invGamma,
    power: config.power,
  };
}
