// SASolverScheduler, Xue et al. 2023, "SA-Solver: stochastic Adams solver for fast sampling of diffusion models" (arXiv
// 2309.05019). Steps of the reverse diffusion with its noise scaled by τ(t): a predictor along the polynomial through
// the last model outputs (stochastic Adams-Bashforth) and, once the model has been evaluated at the predicted sample, a
// corrector that also uses this output (stochastic Adams-Moulton), with the same noise.

import * as v from "valibot";
import { multistepOrder } from "./bases/multistep_order.ts";
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
import { SolverHistory, type SolverPoint } from "./bases/solver_history.ts";
import {
  clippedOptions,
  type PreservingConfig,
  PreservingSchedulerBase,
  preservingOptions,
  solverTimestepOptions,
} from "./bases/variance_preserving.ts";
import {
  type ExponentialStep,
  exponentialStep,
  polynomialWeights,
  type SolverLevel,
} from "./math/exponential_step.ts";
import { fixedVariances } from "./math/learned_variance.ts";
import { weightedSum } from "./math/weighted_sum.ts";

const order = v.pipe(wholeFrom(1), v.maxValue(4));

const options = {
  ...preservingOptions,
  /** How many model outputs the predictor's polynomial goes through, 1 .. 4. */
  predictorOrder: option(order, 2),
  /** The same for the corrector, including the output at the step's end, 1 .. 4. */
  correctorOrder: option(order, 2),
  /** τ(t) is a function and cannot be in files: always null here. */
  tauFunc: option(v.null(), null),
  /** The integrand: x_0 or ε. */
  algorithmType: option(v.picklist(["data_prediction", "noise_prediction"]), "data_prediction"),
  /** Lowers the order towards the end of a run. */
  lowerOrderFinal: option(v.boolean(), true),
  ...clippedOptions,
  ...solverTimestepOptions,
};
/** The options of SASolverScheduler as resolved. @interface */
export type SASolverSchedulerConfig = PreservingConfig & ConfigOf<typeof options>;

/** The noise of a step from a timestep: 0 follows the probability flow, 1 the reverse diffusion. */
export type TauFunction = (timestep: number) => number;

const tau: TauFunction = (timestep) => (timestep >= 200 && timestep <= 800 ? 1 : 0);

const table = optionTable("SASolverScheduler", options, { foreignValues: fixedVariances });

/** The options of SASolverScheduler; `tauFunc` is τ(t), by default 1 for 200 <= t <= 800 and 0 elsewhere. @interface */
export type SASolverOptions = Omit<Partial<SASolverSchedulerConfig>, "tauFunc"> & {
  /** τ(t); null or absent for 1 where 200 <= t <= 800 and 0 elsewhere. */
  readonly tauFunc?: TauFunction | null;
};

/** The step that the next model evaluation corrects. */
interface OpenStep {
  readonly from: SolverLevel;
  readonly sample: Float32Array;
  readonly noise: Float32Array;
  readonly tau: number;
}

/** SA-Solver. */
export class SASolverScheduler extends PreservingSchedulerBase<SASolverSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  readonly #tau: TauFunction;
  readonly #history: SolverHistory;
  #open: OpenStep | null = null;
  #correctorOrder = 1;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor({ tauFunc, ...options }: SASolverOptions = {}) {
    super(table, options);
    this.#tau = tauFunc ?? tau;
    const { predictorOrder, correctorOrder } = this.config;
    this.#history = new SolverHistory(Math.max(predictorOrder, correctorOrder - 1));
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config. τ(t) is the default: configs hold none.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): SASolverScheduler {
    return new SASolverScheduler(readConfig(table, source, options));
  }

  protected override forget(): void {
    this.#history.clear();
    this.#open = null;
  }

  protected override takeStep(step: SigmaStep): SigmaStepOutput {
    const { sample, index, options } = step;
    const original = this.originalSample(step);
    const output = this.#isOfData ? original : this.epsilon(step, original);
    const from = this.solverLevel(index);
    const point = { lambda: from.lambda, output };
    const corrected = this.#corrected(sample.data, from, point);
    this.#history.push(point);

    const open = {
      from,
      sample: corrected,
      noise: this.stepNoise(options, sample),
      tau: this.#tauAt(this.timesteps[index]),
    };
    this.#open = open;
    const { predictorOrder, correctorOrder, lowerOrderFinal } = this.config;
    const remaining = lowerOrderFinal ? this.timesteps.length - index : Number.POSITIVE_INFINITY;
    const known = this.#history.length;
    const place = { known, remaining, sigma: this.sigmas[index], nextSigma: this.sigmas[index + 1] };
    const predictorPoints = this.#history.points.slice(
      0,
      multistepOrder({ solverOrder: predictorOrder, ...place }),
    );
    this.#correctorOrder = Math.min(correctorOrder, remaining + 1, known + 1);
    return { prev: this.#step(open, this.solverLevel(index + 1), predictorPoints), original };
  }

  /** The sample at the start of a step, corrected by the model's output there. */
  #corrected(sample: Float32Array, to: SolverLevel, point: SolverPoint): Float32Array {
    const open = this.#open;
    // A step of length 0 has moved nothing, so there is nothing to correct.
    if (open === null || open.from.lambda === to.lambda) return sample;
    return this.#step(open, to, [point, ...this.#history.points.slice(0, this.#correctorOrder - 1)]);
  }

  #step(
    { from, sample, noise, tau }: OpenStep,
    to: SolverLevel,
    points: readonly SolverPoint[],
  ): Float32Array {
    const step = exponentialStep(this.#isOfData ? "data" : "noise", from, to, tau);
    const lambdas = points.map(({ lambda }) => lambda - from.lambda);
    const weights =
      this.#isOfData && points.length === 2 ? lineWeights(step, lambdas) : polynomialWeights(step, lambdas);
    return weightedSum(
      [step.carry, sample],
      ...points.map(({ output }, i) => [weights[i], output] as const),
      [step.noise, noise],
    );
  }

  get #isOfData(): boolean {
    return this.config.algorithmType === "data_prediction";
  }

  #tauAt(timestep: number): number {
    const value = this.#tau(timestep);
    if (!(value >= 0 && Number.isFinite(value))) {
      throw new RangeError(
        `${this.className}: tauFunc(${timestep}) is ${value}, expected a number from 0 up`,
      );
    }
    return value;
  }
}

/**
 * As polynomialWeights for two points, but with h² / 2 as the slope's integral, as if e^(rate (u - h)) were 1: a change
 * of O(h³) that the authors' code makes for runs of few steps.
 */
function lineWeights({ h, scale, constant }: ExponentialStep, lambdas: readonly number[]): number[] {
  const [first, second] = lambdas;
  // f(u) = f_0 + (u - first) (f_1 - f_0) / (second - first)
  const slope = (scale * h * h) / 2 / (second - first);
  const offset = (constant * first) / (second - first);
  return [constant - slope + offset, slope - offset];
}
