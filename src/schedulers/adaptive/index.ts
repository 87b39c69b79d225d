// The adaptive samplers by name: they choose their steps or their noise from the score.

import { type DPMAdaptiveConfig, DPMAdaptiveSampler } from "./dpm_adaptive.ts";
import { type GottaGoFastConfig, GottaGoFastSampler } from "./gotta_go_fast.ts";
import { type PredictorCorrectorConfig, PredictorCorrectorSampler } from "./predictor_corrector.ts";
import type { Sampler } from "./sampler.ts";

export { Diffusion, type ImageWork, type ModelInput, type Sde } from "./diffusion.ts";
export { type DPMAdaptiveConfig, DPMAdaptiveSampler } from "./dpm_adaptive.ts";
export { type BatchDenoiser, type DriveOptions, type DriveResult, drive, type ImageStep } from "./drive.ts";
export { type GottaGoFastConfig, GottaGoFastSampler } from "./gotta_go_fast.ts";
export {
  type Predictor,
  type PredictorCorrectorConfig,
  PredictorCorrectorSampler,
} from "./predictor_corrector.ts";
export type { ImageRun, Sampler, SolverStep } from "./sampler.ts";

/** The short names of the samplers. "adaptive", the recommended one, is dpm-adaptive of order 2 with fresh noise. */
export const samplerNames = ["pc", "dpm-adaptive", "gotta-go-fast", "adaptive"] as const;
/** The short name of a sampler that chooses its own steps. @useDeclaredType */
export type SamplerName = (typeof samplerNames)[number];

/** The options of all samplers; each sampler accepts only its own. @interface */
export type SamplerOptions = Partial<PredictorCorrectorConfig & DPMAdaptiveConfig & GottaGoFastConfig>;

/** Whether `name` is a sampler's short name. */
export function isSamplerName(name: string): name is SamplerName {
  return samplerNames.some((known) => known === name);
}

/**
 * A sampler by its short name.
 * @throws RangeError for an option that it does not have, or that is out of range
 */
export function makeSampler(name: SamplerName, options: SamplerOptions = {}): Sampler {
  switch (name) {
    case "pc":
      return new PredictorCorrectorSampler(options);
    case "dpm-adaptive":
      return new DPMAdaptiveSampler(options);
    case "gotta-go-fast":
      return new GottaGoFastSampler(options);
    case "adaptive":
      // Found by experiment: the fewest calls for images as clean as DDPM's in 50 steps (docs/adaptive-noise.md).
      return new DPMAdaptiveSampler({ order: 2, eta: 1, ...options });
    default:
      throw new RangeError(
        `sampler is "${String(name satisfies never)}", expected ${samplerNames.join(" or ")}`,
      );
  }
}
