// DEISMultistepScheduler, Zhang & Chen 2023, "Fast sampling of diffusion models with exponential integrator" (arXiv
// 2204.13902): integrates the polynomial in log ρ, ρ = σ / α, through the last ε exactly. As λ = -log ρ, it is a
// polynomial in λ.

import * as v from "valibot";
import { dpmPoints } from "./bases/multistep_order.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  option,
  optionTable,
  readConfig,
  wholeFrom,
} from "./bases/options.ts";
import type { SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { SolverHistory } from "./bases/solver_history.ts";
import {
  exponentialShiftingOptions,
  type PreservingConfig,
  PreservingSchedulerBase,
  preservingOptions,
  solverTimestepOptions,
} from "./bases/variance_preserving.ts";
import { exponentialStep, polynomialWeights } from "./math/exponential_step.ts";
import { weightedSum } from "./math/weighted_sum.ts";

const options = {
  ...preservingOptions,
  /** How many ε the polynomial goes through, 1 .. 3. */
  solverOrder: option(v.pipe(wholeFrom(1), v.maxValue(3)), 2),
  /** Always "deis". */
  algorithmType: option(v.literal("deis"), "deis"),
  /** Always "logrho": the polynomial runs over log σ / α. */
  solverType: option(v.literal("logrho"), "logrho"),
  /** Ends runs of fewer than 15 steps with orders 2 and 1. */
  lowerOrderFinal: option(v.boolean(), true),
  ...solverTimestepOptions,
  ...exponentialShiftingOptions,
};
/** The options of DEISMultistepScheduler as resolved. @interface */
export type DEISMultistepSchedulerConfig = PreservingConfig & ConfigOf<typeof options>;

const table = optionTable("DEISMultistepScheduler", options, {
  aliases: {
    algorithmType: { dpmsolver: "deis", "dpmsolver++": "deis" },
    solverType: { midpoint: "logrho", heun: "logrho", bh1: "logrho", bh2: "logrho" },
  },
});

/** DEIS, multistep. */
export class DEISMultistepScheduler extends PreservingSchedulerBase<DEISMultistepSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  readonly #history: SolverHistory;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<DEISMultistepSchedulerConfig> = {}) {
    super(table, options);
    this.#history = new SolverHistory(this.config.solverOrder);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): DEISMultistepScheduler {
    return new DEISMultistepScheduler(readConfig(table, source, options));
  }

  protected override forget(): void {
    this.#history.clear();
  }

  protected override takeStep(step: SigmaStep): SigmaStepOutput {
    const { sample, index } = step;
    const original = this.originalSample(step);
    const from = this.solverLevel(index);
    this.#history.push({ lambda: from.lambda, output: this.epsilon(step, original) });
    const points = dpmPoints(this.config, this.sigmas, index, this.#history);
    const exact = exponentialStep("noise", from, this.solverLevel(index + 1));
    const weights = polynomialWeights(
      exact,
      points.map(({ lambda }) => lambda - from.lambda),
    );
    const terms = points.map(({ output }, i) => [weights[i], output] as const);
    return { prev: weightedSum([exact.carry, sample.data], ...terms), original };
  }
}
