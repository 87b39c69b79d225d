// Common to the EDM schedulers: Karras et al. 2022, "Elucidating the design space of diffusion-based generative models"
// (arXiv 2206.00364). Noise levels are chosen without betas, samples are x = x_0 + σ ε, and the network F is wrapped in
// a preconditioning (table 1, last column):
//   D(x; σ) = c_skip(σ) x + c_out(σ) F(c_in(σ) x; c_noise(σ))

import * as v from "valibot";
import type { HostTensor } from "../../engine/host_tensor.ts";
import * as exact from "../../engine/math/index.ts";
import type { JsonObject } from "../../io/diffusers_json.ts";
import { atUnitVariance } from "../math/noising.ts";
import type { NoiseLevel } from "../math/prediction.ts";
import { exponentialSigmas, karrasSigmas } from "../math/sigmas.ts";
import { weightedSum } from "../math/weighted_sum.ts";
import type { TimestepsSpec } from "../scheduler.ts";
import { type ConfigOf, float, type OptionTable, option, positive, timestepCount } from "./options.ts";
import { type SigmaPlan, SigmaWalkBase } from "./sigma_scheduler.ts";
import { givenSigmas, stepCount } from "./timestep_checks.ts";

/** The shared options; the defaults are the paper's. */
export const edmOptions = {
  /** The range of noise levels. */
  sigmaMin: float(positive, 0.002),
  /** The largest noise level, where sampling begins. */
  sigmaMax: float(positive, 80),
  /** Standard deviation of the images. */
  sigmaData: float(positive, 0.5),
  /** karras: even in σ^(1/rho) (equation 5); exponential: even in log σ. */
  sigmaSchedule: option(v.picklist(["karras", "exponential"]), "karras"),
  /** For "karras": larger values put more of the levels near sigmaMin. */
  rho: float(positive, 7),
  /** The largest number of steps. */
  numTrainTimesteps: option(timestepCount, 1000),
  /** epsilon: c_out as in the paper; v_prediction: its negative. */
  predictionType: option(v.picklist(["epsilon", "v_prediction"]), "epsilon"),
  /** Where the last step ends: at no noise, or at sigmaMin. */
  finalSigmasType: option(v.picklist(["zero", "sigma_min"]), "zero"),
};
/** Values of their options that say nothing here: elsewhere null is the range of the timesteps, here there are none. */
export const edmForeignValues = { sigmaMin: [null], sigmaMax: [null] };
export type EDMConfig = ConfigOf<typeof edmOptions>;

/** Base of the EDM schedulers. Timesteps are c_noise(σ) = log(σ) / 4 and cannot be given one by one; sigmas can. */
export abstract class EDMSchedulerBase<Config extends EDMConfig & JsonObject> extends SigmaWalkBase<Config> {
  protected constructor(table: OptionTable<Config>, options: object) {
    super(table, options);
    const { sigmaMin, sigmaMax } = this.config;
    if (sigmaMin >= sigmaMax) {
      throw new RangeError(
        `${this.className}: sigmaMin is ${sigmaMin}, expected less than sigmaMax, ${sigmaMax}`,
      );
    }
    this.follow(this.#planOf(this.numTrainTimesteps));
  }

  override get initNoiseSigma(): number {
    return exact.hypot(this.config.sigmaMax, 1);
  }

  /** c_in(σ) x. */
  override scaleModelInput(sample: HostTensor, timestep: number): HostTensor {
    return atUnitVariance(sample, this.sigmas[this.indexAt(timestep)], this.config.sigmaData);
  }

  protected override level(sigma: number): NoiseLevel {
    return { alpha: 1, sigma };
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    if ("timesteps" in spec) {
      throw new RangeError(
        `${this.className}: custom timesteps are given, but its timesteps are log(σ) / 4; give sigmas`,
      );
    }
    if ("sigmas" in spec) return withNoiseTimesteps(givenSigmas(this.className, spec.sigmas));
    return this.#planOf(stepCount(this.className, spec.numInferenceSteps, this.numTrainTimesteps));
  }

  /** D(x; σ): the x_0 given by the model's output F. */
  protected originalSample(output: Float32Array, sample: Float32Array, sigma: number): Float32Array {
    const { sigmaData, predictionType } = this.config;
    const variance = sigma * sigma + sigmaData * sigmaData;
    const skip = (sigmaData * sigmaData) / variance;
    const out = (sigma * sigmaData) / Math.sqrt(variance);
    return weightedSum([skip, sample], [predictionType === "epsilon" ? out : -out, output]);
  }

  #planOf(steps: number): SigmaPlan {
    const { sigmaSchedule, rho, finalSigmasType, sigmaMin } = this.config;
    const sigmas =
      sigmaSchedule === "karras"
        ? karrasSigmas(this.config, steps, rho)
        : exponentialSigmas(this.config, steps);
    return withNoiseTimesteps([...sigmas, finalSigmasType === "zero" ? 0 : sigmaMin]);
  }
}

/** The plan over some sigmas: timesteps are c_noise(σ) = log(σ) / 4. */
function withNoiseTimesteps(sigmas: readonly number[]): SigmaPlan {
  const timesteps = sigmas.slice(0, -1).map((sigma) => Math.fround(exact.log(Math.fround(sigma)) / 4));
  return { sigmas, timesteps };
}
