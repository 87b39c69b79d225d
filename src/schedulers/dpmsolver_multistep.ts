// DPMSolverMultistepScheduler, the multistep form of DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095, algorithm 2) and
// of DPM-Solver (arXiv 2206.00927): one model evaluation per step; earlier evaluations give the slope.

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
import { finalSigmasOptions, zeroSnrOptions } from "./bases/shared_options.ts";
import type { SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { SolverHistory } from "./bases/solver_history.ts";
import {
  clippedOptions,
  exponentialShiftingOptions,
  type PreservingConfig,
  PreservingSchedulerBase,
  preservingOptions,
  solverTimestepOptions,
  truncated,
} from "./bases/variance_preserving.ts";
import {
  checkDpmOptions,
  type DpmRule,
  type DpmStep,
  dpmAlgorithmTypes,
  dpmAliases,
  dpmSolverTypes,
  dpmStep,
  integrandOf,
  isStochastic,
  parabolaWeights,
  slopeWeights,
} from "./math/dpm_solver.ts";
import { fixedVariances } from "./math/learned_variance.ts";

const options = {
  ...preservingOptions,
  /** 1 .. 3; 3 halves the curvature term, as in the authors' code, and so has order 2 (`dpmMultistepStep`). */
  solverOrder: option(v.pipe(wholeFrom(1), v.maxValue(3)), 2),
  /** What is integrated, x_0 ("++") or ε, and whether noise is added ("sde-"). */
  algorithmType: option(v.picklist(dpmAlgorithmTypes), "dpmsolver++"),
  /** How order 2 weights the slope: by the midpoint rule, or by its exact integral. */
  solverType: option(v.picklist(dpmSolverTypes), "midpoint"),
  /** Ends runs of fewer than 15 steps with orders 2 and 1. */
  lowerOrderFinal: option(v.boolean(), true),
  /** Takes the last step with order 1. */
  eulerAtFinal: option(v.boolean(), false),
  /** Sigmas evenly in λ, ends included. */
  useLuLambdas: option(v.boolean(), false),
  ...finalSigmasOptions,
  ...clippedOptions,
  ...solverTimestepOptions,
  ...zeroSnrOptions,
  ...exponentialShiftingOptions,
};
/** The options of DPMSolverMultistepScheduler as resolved. @interface */
export type DPMSolverMultistepSchedulerConfig = PreservingConfig & ConfigOf<typeof options>;

const table = optionTable("DPMSolverMultistepScheduler", options, {
  aliases: dpmAliases,
  foreignValues: fixedVariances,
});

/**
 * DPM-Solver++ of order 1 to 3, the number of points (2M is algorithm 2; order 1 is DDIM's step):
 *   x_t = (σ_t / σ_s) x_s + c_0 D_0 + c_1 D_1 + c_2 D_2,   c_n = α_t ∫_0^h e^(u - h) (u / h)^n du / n!
 * with D_0 = f_0, and D_1 and D_2 from differences to the earlier points. For order 3 the authors' code uses q as D_2,
 * half the correct value, so the method has order 2. The other algorithm types differ only in the factor of x_s and in
 * c_n.
 */
export function dpmMultistepStep({ algorithmType, solverType }: DpmRule, step: DpmStep): Float32Array {
  return dpmStep(algorithmType, step, (moments, [u1, u2]) => {
    if (u1 === undefined) return [moments[0]];
    if (u2 === undefined) return slopeWeights(solverType, moments, u1);
    return parabolaWeights(moments, [u1, u2], 1);
  });
}

/** DPM-Solver and DPM-Solver++, multistep. */
export class DPMSolverMultistepScheduler extends PreservingSchedulerBase<DPMSolverMultistepSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  readonly #history: SolverHistory;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<DPMSolverMultistepSchedulerConfig> = {}) {
    super(table, options);
    const { algorithmType, finalSigmasType, solverOrder } = this.config;
    checkDpmOptions(this.className, algorithmType, finalSigmasType);
    if (algorithmType === "sde-dpmsolver" && solverOrder === 3) {
      throw new RangeError(
        `${this.className}: algorithmType "sde-dpmsolver" goes up to solverOrder 2, got 3; use "sde-dpmsolver++"`,
      );
    }
    this.#history = new SolverHistory(solverOrder);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): DPMSolverMultistepScheduler {
    return new DPMSolverMultistepScheduler(readConfig(table, source, options));
  }

  protected override wholeTimestep(timestep: number): number {
    return this.config.betaSchedule === "squaredcos_cap_v2"
      ? truncated(timestep)
      : super.wholeTimestep(timestep);
  }

  protected override finalSigma(): number {
    return this.config.finalSigmasType === "zero" ? 0 : this.trainSigmas[0];
  }

  protected override forget(): void {
    this.#history.clear();
  }

  protected override takeStep(step: SigmaStep): SigmaStepOutput {
    const { sample, index, options } = step;
    const { algorithmType, solverType } = this.config;
    const original = this.originalSample(step);
    const output = integrandOf(algorithmType) === "data" ? original : this.epsilon(step, original);
    const from = this.solverLevel(index);
    this.#history.push({ lambda: from.lambda, output });
    const prev = dpmMultistepStep(
      { algorithmType, solverType },
      {
        sample: sample.data,
        from,
        to: this.solverLevel(index + 1),
        points: dpmPoints(this.config, this.sigmas, index, this.#history),
        noise: isStochastic(algorithmType) ? this.stepNoise(options, sample) : null,
      },
    );
    return { prev, original };
  }
}
