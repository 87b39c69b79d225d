// UniPCMultistepScheduler, Zhao et al. 2023, "UniPC: a unified predictor-corrector framework for fast sampling of
// diffusion models" (arXiv 2302.04867). The predictor of order p steps along the polynomial through the last p model
// outputs. After the model has been evaluated at the predicted sample, the corrector repeats the step along the
// polynomial through the new output too: order p + 1, without another evaluation.
//
// The paper's B(h) cancels out of the polynomial's exact integral. It matters only where the coefficient is the fixed
// 1/2: in the predictor of order 2 and the corrector of order 1.

import * as v from "valibot";
import { multistepOrder } from "./bases/multistep_order.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  float,
  option,
  optionTable,
  positive,
  readConfig,
  wholeFrom,
} from "./bases/options.ts";
import { finalSigmasOptions, zeroSnrOptions } from "./bases/shared_options.ts";
import type { SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { SolverHistory, type SolverPoint } from "./bases/solver_history.ts";
import {
  LARGEST_FLOW_SIGMA,
  type PreservingConfig,
  PreservingSchedulerBase,
  preservingOptions,
  shiftingOptions,
  solverTimestepOptions,
} from "./bases/variance_preserving.ts";
import { exponentialStep, polynomialWeights, type SolverLevel } from "./math/exponential_step.ts";
import { linspace, type SigmaRange, shiftSigma } from "./math/sigmas.ts";
import { weightedSum } from "./math/weighted_sum.ts";

const options = {
  ...preservingOptions,
  /** p, 1 .. 4. */
  solverOrder: option(v.pipe(wholeFrom(1), v.maxValue(4)), 2),
  /** Integrates x_0; otherwise ε. */
  predictX0: option(v.boolean(), true),
  /** bh1: B(h) is h; bh2: e^h - 1 (for x_0: 1 - e^-h). */
  solverType: option(v.picklist(["bh1", "bh2"]), "bh2"),
  /** Lowers the order towards the end of a run. */
  lowerOrderFinal: option(v.boolean(), true),
  /** Steps (from 0) after which the corrector is off. */
  disableCorrector: option(v.array(wholeFrom(0)), []),
  /** A different predictor; not supported. */
  solverP: option(v.null(), null),
  ...finalSigmasOptions,
  ...solverTimestepOptions,
  ...zeroSnrOptions,
  ...shiftingOptions,
  /** Range of Karras, exponential and beta sigmas; null: that of training. */
  sigmaMin: float(v.nullable(positive), null),
  /** The largest sigma of that range; null: that of training. */
  sigmaMax: float(v.nullable(positive), null),
  /** Stretches a flow's sigmas so that the last step starts at this one. */
  shiftTerminal: float(v.nullable(v.pipe(v.number(), v.gtValue(0), v.ltValue(1))), null),
};
/** The options of UniPCMultistepScheduler as resolved. @interface */
export type UniPCMultistepSchedulerConfig = PreservingConfig & ConfigOf<typeof options>;

const table = optionTable("UniPCMultistepScheduler", options, {
  aliases: { solverType: { midpoint: "bh2", heun: "bh2", logrho: "bh2" } },
});

/** The step that the next model evaluation corrects. */
interface OpenStep {
  readonly from: SolverLevel;
  readonly sample: Float32Array;
  /** The points that the predictor used, the newest first. */
  readonly points: readonly SolverPoint[];
}

/** The integrand, and the B(h) of the paper. */
type UniPCRule = Pick<UniPCMultistepSchedulerConfig, "predictX0" | "solverType">;

/**
 * UniP-p uses the p known points; UniC-p also the point at the step's end. For x_0:
 *   x_t = (σ_t / σ_s) x_s + α_t (1 - e^-h) f(s) + α_t B(h) Σ a_m (f(s_m) - f(s)) / r_m,   r_m = (λ_m - λ_s) / h;
 * for ε, α and σ are exchanged and 1 - e^h replaces 1 - e^-h. The paper's a_m make this the exact integral of the
 * polynomial through the points for any B(h); with two points a_1 is 1/2, and B(h) matters.
 */
export function unipcStep(
  { predictX0, solverType }: UniPCRule,
  { from, sample, points }: OpenStep,
  to: SolverLevel,
): Float32Array {
  const step = exponentialStep(predictX0 ? "data" : "noise", from, to);
  const lambdas = points.map(({ lambda }) => lambda - from.lambda);
  const weights = points.length === 2 ? halfWeights() : polynomialWeights(step, lambdas);
  return weightedSum([step.carry, sample], ...points.map(({ output }, i) => [weights[i], output] as const));

  function halfWeights(): number[] {
    const size = solverType === "bh1" ? step.scale * step.h : step.constant;
    const slope = (0.5 * size * step.h) / lambdas[1];
    return [step.constant - slope, slope];
  }
}

/** UniPC. */
export class UniPCMultistepScheduler extends PreservingSchedulerBase<UniPCMultistepSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  readonly #history: SolverHistory;
  #open: OpenStep | null = null;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<UniPCMultistepSchedulerConfig> = {}) {
    super(table, options);
    const { shiftTerminal, useFlowSigmas, solverOrder, sigmaMin, sigmaMax } = this.config;
    if (shiftTerminal !== null && (!useFlowSigmas || this.spacing !== null)) {
      throw new RangeError(
        `${this.className}: shiftTerminal ${shiftTerminal} needs useFlowSigmas, and no other spacing of sigmas`,
      );
    }
    const range = this.spacedRange();
    if (range.sigmaMin >= range.sigmaMax) {
      throw new RangeError(
        `${this.className}: sigmaMin ${sigmaMin} and sigmaMax ${sigmaMax} leave no range, expected ` +
          `${range.sigmaMin} < ${range.sigmaMax}`,
      );
    }
    this.#history = new SolverHistory(solverOrder);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): UniPCMultistepScheduler {
    return new UniPCMultistepScheduler(readConfig(table, source, options));
  }

  protected override checkSpacedFlow(): void {
    if (!this.config.useKarrasSigmas) super.checkSpacedFlow();
  }

  protected override spacedRange(): SigmaRange {
    const { sigmaMin, sigmaMax } = super.spacedRange();
    return { sigmaMin: this.config.sigmaMin ?? sigmaMin, sigmaMax: this.config.sigmaMax ?? sigmaMax };
  }

  protected override flowSigmas(count: number, shift: number): number[] {
    // The spacing applies to σ / α, which is σ / (1 - σ).
    if (this.spacing !== null) {
      return this.spacing(this.spacedRange(), count).map((ratio) => ratio / (1 + ratio));
    }
    const even = linspace(1, 1 / this.numTrainTimesteps, count + 1).slice(0, -1);
    const shifted = even.map((sigma) => shiftSigma(sigma, shift));
    const { shiftTerminal } = this.config;
    const stretch = shiftTerminal === null ? 1 : (1 - shiftTerminal) / (1 - shifted[count - 1]);
    return shifted.map((sigma) => Math.min(1 - (1 - sigma) * stretch, LARGEST_FLOW_SIGMA));
  }

  protected override forget(): void {
    this.#history.clear();
    this.#open = null;
  }

  protected override takeStep(step: SigmaStep): SigmaStepOutput {
    const { sample, index } = step;
    const original = this.originalSample(step);
    const output = this.config.predictX0 ? original : this.epsilon(step, original);
    const from = this.solverLevel(index);
    const point = { lambda: from.lambda, output };
    const corrected = this.#corrected(sample.data, index, from, point);
    this.#history.push(point);
    const points = this.#history.points.slice(0, this.#orderAt(index));
    this.#open = { from, sample: corrected, points };
    return { prev: unipcStep(this.config, this.#open, this.solverLevel(index + 1)), original };
  }

  /** The sample at the start of a step, corrected by the model's output there. */
  #corrected(sample: Float32Array, index: number, to: SolverLevel, point: SolverPoint): Float32Array {
    const open = this.#open;
    // A step of length 0 has moved nothing, so there is nothing to correct.
    if (open === null || open.from.lambda === to.lambda) return sample;
    if (this.config.disableCorrector.includes(index - 1)) return sample;
    const points = [...open.points, point];
    return unipcStep(this.config, { ...open, points }, to);
  }

  #orderAt(index: number): number {
    const { solverOrder, lowerOrderFinal } = this.config;
    return multistepOrder({
      solverOrder,
      known: this.#history.length,
      remaining: lowerOrderFinal ? this.timesteps.length - index : Number.POSITIVE_INFINITY,
      sigma: this.sigmas[index],
      nextSigma: this.sigmas[index + 1],
    });
  }
}
