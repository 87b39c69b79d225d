// LCMScheduler, multistep consistency sampling for models over discrete timesteps: Luo et al. 2023, "Latent
// consistency models" (arXiv 2310.04378), algorithm 3, after Song et al. 2023 (arXiv 2303.01469).

import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import { type DistilledConfig, DistilledSchedulerBase, distilledOptions } from "./bases/distilled.ts";
import { type ConfigSource, type FromConfigOptions, optionTable, readConfig } from "./bases/options.ts";
import { noiseLevelAt } from "./math/noising.ts";
import { weightedSum } from "./math/weighted_sum.ts";
import type { StepOptions, StepOutput } from "./scheduler.ts";

/** The options of LCMScheduler as resolved. @interface */
export type LCMSchedulerConfig = DistilledConfig;

/** Standard deviation of the data that the boundary condition assumes. */
const SIGMA_DATA = 0.5;

const table = optionTable("LCMScheduler", distilledOptions);

/** The sampler of latent consistency models: one to eight steps. */
export class LCMScheduler extends DistilledSchedulerBase {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<LCMSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): LCMScheduler {
    return new LCMScheduler(readConfig(table, source, options));
  }

  /**
   * x_0 by the consistency function, noised anew to the next timestep; at the last step x_0 itself. Draws once in every
   * step but the last.
   * @param modelOutput the sample's shape
   * @param sample x_t, [N, ..., C]
   * @throws RangeError on a wrong shape or timestep, before `setTimesteps`, or when noise is needed and not given
   */
  step(modelOutput: HostTensor, timestep: number, sample: HostTensor, options: StepOptions = {}): StepOutput {
    this.checkShape("the model's output", modelOutput.shape, sample.shape);
    const isLast = this.isLast(timestep);
    const level = noiseLevelAt(this.alphasCumprod, timestep);
    const original = this.originalSample(modelOutput.data, sample, level, timestep);
    const { skip, out } = boundaryWeights(timestep * this.config.timestepScaling);
    const denoised = weightedSum([out, original.data], [skip, sample.data]);
    const predOriginalSample = hostTensor(denoised, sample.shape);
    if (isLast) return { prevSample: predOriginalSample, predOriginalSample };

    const { alpha, sigma } = noiseLevelAt(this.alphasCumprod, this.previousTimestep(timestep));
    const noise = this.stepNoise(options, sample, timestep);
    return {
      prevSample: hostTensor(weightedSum([alpha, denoised], [sigma, noise]), sample.shape),
      predOriginalSample,
    };
  }
}

/** Weights of the sample and of the predicted x_0, so that at time 0 the sample is returned as it is (section 4.1). */
function boundaryWeights(time: number): { readonly skip: number; readonly out: number } {
  const squared = time * time + SIGMA_DATA * SIGMA_DATA;
  return { skip: (SIGMA_DATA * SIGMA_DATA) / squared, out: time / Math.sqrt(squared) };
}
