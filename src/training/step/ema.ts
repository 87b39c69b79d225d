// The exponential moving average of the weights, which gives better samples than the weights themselves. As in
// diffusers' EMAModel.

import * as exact from "../../engine/math/index.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { JsonObject } from "../../io/diffusers_json.ts";

export interface EmaConfig {
  /** Upper limit of the decay. */
  readonly decay: number;
  /** Lower limit of the decay once averaging has begun. */
  readonly minDecay: number;
  /** Steps without averaging at the start. */
  readonly updateAfterStep: number;
  /** Whether the decay rises as 1 - (1 + step/invGamma)^-power instead of (1 + step)/(10 + step). */
  readonly useEmaWarmup: boolean;
  readonly invGamma: number;
  readonly power: number;
}

/** The values of diffusers' unconditional training script. */
export const emaDefaults: EmaConfig = {
  decay: 0.9999,
  minDecay: 0,
  updateAfterStep: 0,
  useEmaWarmup: true,
  invGamma: 1,
  power: 0.75,
};

/** The average of a run. @param maxDecay null for none */
export const emaConfig = (maxDecay: number | null): EmaConfig | null =>
  maxDecay === null ? null : { ...emaDefaults, decay: maxDecay };

/**
 * The decay: the share of the old average that is kept.
 * @param optimizationStep optimizer steps done, including this one: 1 for the first
 */
export function emaDecay(optimizationStep: number, config: EmaConfig): number {
  const step = Math.max(0, optimizationStep - config.updateAfterStep - 1);
  if (step === 0) return 0;
  const rising = config.useEmaWarmup
    ? 1 - exact.pow(1 + step / config.invGamma, -config.power)
    : (1 + step) / (10 + step);
  return Math.max(config.minDecay, Math.min(rising, config.decay));
}

/** average - rate (average - weight), where rate is 1 - decay, shape []. */
export const emaUpdate = (average: Tensor, weight: Tensor, rate: Tensor): Tensor =>
  average.sub(average.sub(weight).mul(rate));

/** The keys that diffusers adds to the config.json of averaged weights. */
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
