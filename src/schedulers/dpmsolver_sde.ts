// DPMSolverSDEScheduler, the stochastic form of DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095) as in k-diffusion: half
// a step in log σ with new noise, then the whole step with the x_0 found there and new noise. Both draw on one Brownian
// motion over σ.

import * as v from "valibot";
import type { HostTensor } from "../engine/host_tensor.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  option,
  optionTable,
  readConfig,
  wholeFrom,
} from "./bases/options.ts";
import type { SigmaPlan, SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { CarriedOver, isSecondHalf, midpointPlan } from "./bases/two_stage.ts";
import {
  type ExplodingConfig,
  ExplodingSchedulerBase,
  explodingOptions,
} from "./bases/variance_exploding.ts";
import { ancestralEulerStep } from "./euler_ancestral_discrete.ts";
import { BrownianPath, keyOf } from "./math/brownian_path.ts";
import { ancestralStep } from "./math/sigmas.ts";
import type { StepOptions, TimestepsSpec } from "./scheduler.ts";

const options = {
  ...explodingOptions,
  /** Seed of the Brownian motion, then the same for every image; null: the first draw of `step`'s noise seeds it. */
  noiseSamplerSeed: option(v.nullable(v.pipe(wholeFrom(0), v.maxValue(Number.MAX_SAFE_INTEGER))), null),
};
/** The options of DPMSolverSDEScheduler as resolved. @interface */
export type DPMSolverSDESchedulerConfig = ExplodingConfig & ConfigOf<typeof options>;

const table = optionTable("DPMSolverSDEScheduler", options);

/**
 * The stochastic second-order DPM-Solver++. Unless noiseSamplerSeed is set, the first noisy step draws once from its
 * `noise`, and that draw keys each image's Brownian motion. The numbers differ from diffusers', which uses torchsde's
 * Brownian motion.
 */
export class DPMSolverSDEScheduler extends ExplodingSchedulerBase<DPMSolverSDESchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** Model evaluations per step. */
  override readonly order = 2;
  /** x at the start of the step. */
  readonly #begin = new CarriedOver<Float32Array>(table.className);
  /** One for each image of the batch; empty before the first noisy step. */
  #paths: readonly BrownianPath[] = [];

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<DPMSolverSDESchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): DPMSolverSDEScheduler {
    return new DPMSolverSDEScheduler(readConfig(table, source, options));
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    const plan = super.plan(spec);
    return midpointPlan(plan, this.trainSigmas, (step) => plan.sigmas[step + 1]);
  }

  protected override forget(): void {
    this.#begin.drop();
    this.#paths = [];
  }

  protected override takeStep({ output, sample, index, options }: SigmaStep): SigmaStepOutput {
    const { sNoise = 1 } = options;
    const original = this.originalSample(output, sample.data, this.sigmas[index]);
    const isSecond = isSecondHalf(index);
    if (!isSecond) this.#begin.put(sample.data.slice());
    const x = isSecond ? this.#begin.take() : sample.data;
    const [from, to] = [this.sigmas[isSecond ? index - 1 : index], this.sigmas[index + 1]];
    const { down, up } = ancestralStep(from, to);
    const z = to > 0 ? this.#noise(sample, from, to, options) : x;
    return { prev: ancestralEulerStep(x, original, from, { down, up: sNoise * up }, z), original };
  }

  /** The Brownian motion's increment between two noise levels, scaled to variance 1. */
  #noise(sample: HostTensor, from: number, to: number, options: StepOptions): Float32Array {
    if (options.varianceNoise) return this.stepNoise(options, sample);
    if (this.#paths.length === 0) this.#paths = this.#newPaths(sample, options);
    const out = new Float32Array(sample.data.length);
    const size = out.length / this.#paths.length;
    const scale = 1 / Math.sqrt(Math.abs(to - from));
    for (const [image, path] of this.#paths.entries()) {
      const increment = path.increment(from, to);
      for (let i = 0; i < size; i++) out[image * size + i] = increment[i] * scale;
    }
    return out;
  }

  #newPaths(sample: HostTensor, options: StepOptions): BrownianPath[] {
    const count = sample.shape[0] ?? 1;
    const size = sample.data.length / count;
    // At least the largest σ of training, so that plans of any number of steps share one motion.
    const largest = Math.max(this.sigmas[0], this.trainSigmas[this.trainSigmas.length - 1]);
    const seed = this.config.noiseSamplerSeed;
    if (seed !== null) {
      return Array.from({ length: count }, () => new BrownianPath(BigInt(seed), size, largest));
    }
    const drawn = this.stepNoise(options, sample);
    return Array.from({ length: count }, (_, image) => {
      const key = keyOf(drawn.subarray(image * size, (image + 1) * size));
      return new BrownianPath(key, size, largest);
    });
  }
}
