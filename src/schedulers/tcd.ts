// TCDScheduler, strategic stochastic sampling: Zheng et al. 2024, "Trajectory consistency distillation"
// (arXiv 2402.19159), algorithm 4.

import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import { type DistilledConfig, DistilledSchedulerBase, distilledOptions } from "./bases/distilled.ts";
import { type ConfigSource, type FromConfigOptions, optionTable, readConfig } from "./bases/options.ts";
import { alphaProdAt, noiseLevelAt } from "./math/noising.ts";
import { noiseLevel, predictEpsilon } from "./math/prediction.ts";
import { weightedSum } from "./math/weighted_sum.ts";
import type { StepOptions, StepOutput } from "./scheduler.ts";

const { fround } = Math;

/** The options of TCDScheduler as resolved. timestepScaling is kept for files and changes nothing here. @interface */
export type TCDSchedulerConfig = DistilledConfig;

/** γ unless asked otherwise. */
const DEFAULT_ETA = 0.3;

const table = optionTable("TCDScheduler", distilledOptions);

/** The sampler of trajectory consistency models: few steps or many, from one model. */
export class TCDScheduler extends DistilledSchedulerBase {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<TCDSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): TCDScheduler {
    return new TCDScheduler(readConfig(table, source, options));
  }

  /**
   * Jumps below the next timestep, to s = (1 - γ) t_next, then adds noise up to t_next. options.eta is the paper's γ,
   * 0 .. 1, default 0.3: at 0 nothing is random. Draws once in every step but the last where eta > 0.
   * Unlike in diffusers, clipSample and thresholding hold here too.
   * @param modelOutput the sample's shape
   * @param sample x_t, [N, ..., C]
   * @throws RangeError on a wrong shape, timestep or eta, before `setTimesteps`, or when noise is needed and not given
   */
  step(modelOutput: HostTensor, timestep: number, sample: HostTensor, options: StepOptions = {}): StepOutput {
    const { eta = DEFAULT_ETA } = options;
    if (!(eta >= 0 && eta <= 1)) throw new RangeError(`TCDScheduler: eta is ${eta}, expected 0 .. 1`);
    this.checkShape("the model's output", modelOutput.shape, sample.shape);
    const isLast = this.isLast(timestep);
    const next = isLast ? 0 : this.previousTimestep(timestep);
    const below = Math.floor(fround(fround(1 - eta) * next));

    const level = noiseLevelAt(this.alphasCumprod, timestep);
    const original = this.originalSample(modelOutput.data, sample, level, timestep);
    const epsilon = predictEpsilon(this.config.predictionType, modelOutput.data, sample.data, level);
    const alphaProdBelow = alphaProdAt(this.alphasCumprod, below);
    const { alpha, sigma } = noiseLevel(alphaProdBelow);
    const jumped = weightedSum([alpha, original.data], [sigma, epsilon]);
    if (eta === 0 || isLast) {
      return { prevSample: hostTensor(jumped, sample.shape), predOriginalSample: original };
    }

    const kept = alphaProdAt(this.alphasCumprod, next) / alphaProdBelow;
    const noise = this.stepNoise(options, sample, timestep);
    const prev = weightedSum([Math.sqrt(kept), jumped], [Math.sqrt(1 - kept), noise]);
    return { prevSample: hostTensor(prev, sample.shape), predOriginalSample: original };
  }
}
