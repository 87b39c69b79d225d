// LMSDiscreteScheduler, the linear multistep method (Adams-Bashforth) over uneven steps in σ, as in k-diffusion:
// extrapolates the slopes (x - x_0) / σ of the last steps by a polynomial and integrates it.

import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  optionTable,
  readConfig,
  withDefaults,
} from "./bases/options.ts";
import type { SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import {
  type ExplodingConfig,
  ExplodingSchedulerBase,
  explodingOptions,
} from "./bases/variance_exploding.ts";
import { type Term, weightedSum } from "./math/weighted_sum.ts";

/** The options of LMSDiscreteScheduler as resolved. @interface */
export type LMSDiscreteSchedulerConfig = ExplodingConfig & ConfigOf<typeof explodingOptions>;

const table = optionTable(
  "LMSDiscreteScheduler",
  withDefaults(explodingOptions, { betaStart: 0.0001, betaEnd: 0.02 }),
);

/**
 * A linear multistep method in σ, of order 4 unless `step` is given another. A run that starts within the plan takes
 * the slopes before its start as 0, as diffusers does.
 */
export class LMSDiscreteScheduler extends ExplodingSchedulerBase<LMSDiscreteSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** The slopes of the last steps, the latest first. */
  #slopes: readonly Float32Array[] = [];

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<LMSDiscreteSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): LMSDiscreteScheduler {
    return new LMSDiscreteScheduler(readConfig(table, source, options));
  }

  protected override forget(): void {
    this.#slopes = [];
  }

  protected override takeStep({ output, sample, index, options }: SigmaStep): SigmaStepOutput {
    const { order = 4 } = options;
    if (!Number.isInteger(order) || order < 1) {
      throw new RangeError(`${this.className}: order is ${order}, expected a whole number of at least 1`);
    }
    const sigma = this.sigmas[index];
    const original = this.originalSample(output, sample.data, sigma);
    const slope = weightedSum([1 / sigma, sample.data], [-1 / sigma, original]);
    this.#slopes = [slope, ...this.#slopes].slice(0, order);

    const nodes = Array.from({ length: Math.min(index + 1, order) }, (_, k) => this.sigmas[index - k]);
    const weights = lagrangeIntegrals(nodes, sigma, this.sigmas[index + 1]);
    const terms = this.#slopes.map((values, k): Term => [weights[k], values]);
    return { prev: weightedSum([1, sample.data], ...terms), original };
  }
}

/**
 * ∫ l_j from `from` to `to` for every j, exact except for rounding: l_j is the polynomial that is 1 at nodes[j] and 0
 * at the other nodes.
 */
function lagrangeIntegrals(nodes: readonly number[], from: number, to: number): number[] {
  const length = to - from;
  const places = nodes.map((node) => (node - from) / length); // on the unit interval
  return places.map((place, j) => {
    let polynomial = [1]; // coefficients, the constant first
    for (const [k, other] of places.entries()) {
      if (k !== j) polynomial = timesRoot(polynomial, other, place - other);
    }
    return length * polynomial.reduce((sum, coefficient, power) => sum + coefficient / (power + 1), 0);
  });
}

/** A polynomial times (u - root) / scale. */
function timesRoot(polynomial: readonly number[], root: number, scale: number): number[] {
  return Array.from(
    { length: polynomial.length + 1 },
    (_, power) => ((polynomial[power - 1] ?? 0) - root * (polynomial[power] ?? 0)) / scale,
  );
}
