// DPMSolverMultistepInverseScheduler, DPM-Solver and DPM-Solver++ run backwards: from an image to the noise from which
// they draw that image (Lu et al. 2022, arXiv 2206.00927 and 2211.01095). Its formulas are those of
// DPMSolverMultistepScheduler; h, the length of a step in λ, is negative.

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
import { predictionOptions } from "./bases/shared_options.ts";
import type { SigmaPlan, SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { SolverHistory } from "./bases/solver_history.ts";
import { stepCount } from "./bases/timestep_checks.ts";
import {
  clippedOptions,
  type PreservingConfig,
  PreservingSchedulerBase,
  preservingOptions,
  solverTimestepOptions,
} from "./bases/variance_preserving.ts";
import { dpmMultistepStep } from "./dpmsolver_multistep.ts";
import { dpmAliases, dpmSolverTypes, integrandOf } from "./math/dpm_solver.ts";
import { fixedVariances } from "./math/learned_variance.ts";
import { type SigmaSpacing, sigmasAt, spacedPlan } from "./math/sigma_spacing.ts";
import type { TimestepsSpec } from "./scheduler.ts";

const options = {
  ...preservingOptions,
  ...predictionOptions,
  /** A flow is not inverted: diffusers' levels fall here too, towards the image. */
  useFlowSigmas: option(v.literal(false), false),
  /** 1 .. 3; of order 3 the curvature is halved, as in the authors' code. */
  solverOrder: option(v.pipe(wholeFrom(1), v.maxValue(3)), 2),
  /** What is integrated, ε or x_0 ("++"). Noise cannot be added on the way to noise. */
  algorithmType: option(v.picklist(["dpmsolver", "dpmsolver++"]), "dpmsolver++"),
  /** How order 2 weights the slope: by the midpoint rule, or by its exact integral. */
  solverType: option(v.picklist(dpmSolverTypes), "midpoint"),
  /** Ends runs of fewer than 15 steps with orders 2 and 1. */
  lowerOrderFinal: option(v.boolean(), true),
  /** Takes the last step with order 1. */
  eulerAtFinal: option(v.boolean(), false),
  ...clippedOptions,
  ...solverTimestepOptions,
};
/** The options of DPMSolverMultistepInverseScheduler as resolved. @interface */
export type DPMSolverMultistepInverseSchedulerConfig = Omit<
  PreservingConfig,
  "predictionType" | "useFlowSigmas"
> &
  ConfigOf<typeof options>;

const table = optionTable("DPMSolverMultistepInverseScheduler", options, {
  aliases: dpmAliases,
  foreignValues: fixedVariances,
});

/**
 * DPM-Solver from image to noise: timesteps rise, and the first sample is an image. Rounded timesteps that repeat are
 * kept; diffusers drops them, but not their noise levels.
 */
export class DPMSolverMultistepInverseScheduler extends PreservingSchedulerBase<DPMSolverMultistepInverseSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  readonly #history: SolverHistory;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<DPMSolverMultistepInverseSchedulerConfig> = {}) {
    super(table, options);
    this.#history = new SolverHistory(this.config.solverOrder);
    this.follow(this.#upTo(Array.from(this.trainSigmas, (_, timestep) => timestep)));
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): DPMSolverMultistepInverseScheduler {
    return new DPMSolverMultistepInverseScheduler(readConfig(table, source, options));
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    const { className, spacing } = this;
    if (!("numInferenceSteps" in spec)) {
      throw new RangeError(`${className} takes no custom timesteps or sigmas; give numInferenceSteps`);
    }
    const count = stepCount(className, spec.numInferenceSteps, this.numTrainTimesteps);
    return spacing === null ? this.#upTo(this.#rising(count)) : this.#spacedUp(spacing, count);
  }

  protected override forget(): void {
    this.#history.clear();
  }

  protected override takeStep(step: SigmaStep): SigmaStepOutput {
    const { sample, index } = step;
    const { algorithmType, solverType } = this.config;
    const original = this.originalSample(step);
    const output = integrandOf(algorithmType) === "data" ? original : this.epsilon(step, original);
    const from = this.solverLevel(index);
    this.#history.push({ lambda: from.lambda, output });
    const points = dpmPoints(this.config, this.sigmas, index, this.#history);
    const to = this.solverLevel(index + 1);
    const rule = { algorithmType, solverType };
    return {
      prev: dpmMultistepStep(rule, { sample: sample.data, from, to, points, noise: null }),
      original,
    };
  }

  /** DPM-Solver's timesteps from the other side: without its noisiest one, where the last step ends. */
  #rising(count: number): readonly number[] {
    const { timestepSpacing, stepsOffset } = this.config;
    const rising = this.spacedTimesteps(count).toReversed();
    if (timestepSpacing === "trailing") return rising;
    return [timestepSpacing === "leading" ? stepsOffset : 0, ...rising.slice(0, -1)];
  }

  /** The plan over rising timesteps, which ends at the noisiest one. */
  #upTo(timesteps: readonly number[]): SigmaPlan {
    const end = this.trainSigmas[this.clippedEnd - 1];
    return { timesteps, sigmas: [...sigmasAt(timesteps, this.trainSigmas), end] };
  }

  /** Spaced noise levels, rising. The last step goes nowhere, as in diffusers. */
  #spacedUp(spacing: SigmaSpacing, count: number): SigmaPlan {
    const { sigmaMin, sigmaMax } = this.spacedRange();
    const range = { sigmaMin: sigmaMax, sigmaMax: sigmaMin };
    const { timesteps, sigmas } = spacedPlan(spacing, range, count, this.trainSigmas);
    return {
      timesteps: timesteps.map((timestep) => this.wholeTimestep(timestep)),
      sigmas: [...sigmas, sigmas[sigmas.length - 1]],
    };
  }
}
