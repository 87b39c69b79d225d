// DPMSolverSinglestepScheduler, the singlestep form of DPM-Solver (Lu et al. 2022, arXiv 2206.00927, algorithms 1 and
// 2) and DPM-Solver++ (arXiv 2211.01095, algorithm 1). Steps come in groups of up to three: each step of a group starts
// again from the group's first sample, with one more model output, so that the group's last step has full order.
// Formulas shared with the multistep form are in dpm_solver.ts.

import * as v from "valibot";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  option,
  optionTable,
  readConfig,
  wholeFrom,
} from "./bases/options.ts";
import { finalSigmasOptions } from "./bases/shared_options.ts";
import type { SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { SolverHistory } from "./bases/solver_history.ts";
import {
  clippedOptions,
  exponentialShiftingOptions,
  type PreservingConfig,
  PreservingSchedulerBase,
  preservingOptions,
} from "./bases/variance_preserving.ts";
import {
  checkDpmOptions,
  type DpmRule,
  type DpmStep,
  dpmAliases,
  dpmSolverTypes,
  dpmStep,
  integrandOf,
  isStochastic,
  parabolaWeights,
  slopeWeights,
} from "./math/dpm_solver.ts";
import type { SolverLevel } from "./math/exponential_step.ts";
import { fixedVariances } from "./math/learned_variance.ts";

const options = {
  ...preservingOptions,
  /** Steps in a group, 1 .. 3. */
  solverOrder: option(v.pipe(wholeFrom(1), v.maxValue(3)), 2),
  /** What is integrated, x_0 ("++") or ε, and whether noise is added ("sde-"). */
  algorithmType: option(v.picklist(["dpmsolver", "dpmsolver++", "sde-dpmsolver++"]), "dpmsolver++"),
  /** How the slope is weighted: midpoint, or by its exact integral (with order 3, a parabola's). */
  solverType: option(v.picklist(dpmSolverTypes), "midpoint"),
  /** Ends runs with smaller groups; runs that end at no noise or within a group always do. */
  lowerOrderFinal: option(v.boolean(), false),
  ...finalSigmasOptions,
  ...clippedOptions,
  ...exponentialShiftingOptions,
};
/** The options of DPMSolverSinglestepScheduler as resolved. @interface */
export type DPMSolverSinglestepSchedulerConfig = PreservingConfig & ConfigOf<typeof options>;

const table = optionTable("DPMSolverSinglestepScheduler", options, {
  aliases: dpmAliases,
  foreignValues: fixedVariances,
});

/** A step from the start of a group through the group's points; order 3 uses the parabola's D_2, or none. */
export function dpmSinglestepStep({ algorithmType, solverType }: DpmRule, step: DpmStep): Float32Array {
  return dpmStep(algorithmType, step, (moments, [u1, u2]) => {
    const [c0, c1] = moments;
    if (u1 === undefined) return [c0];
    if (u2 === undefined) return slopeWeights(solverType, moments, u1);
    // Only the slope to the furthest point (DPM-Solver-3, algorithm 2).
    if (solverType === "midpoint") return [c0 - c1 / u2, 0, c1 / u2];
    return parabolaWeights(moments, [u1, u2], 2);
  });
}

/** The start of a group. */
interface GroupStart {
  readonly level: SolverLevel;
  readonly sample: Float32Array;
}

/** DPM-Solver and DPM-Solver++, singlestep. */
export class DPMSolverSinglestepScheduler extends PreservingSchedulerBase<DPMSolverSinglestepSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  readonly #history: SolverHistory;
  #start: GroupStart | null = null;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<DPMSolverSinglestepSchedulerConfig> = {}) {
    super(table, options);
    const { algorithmType, finalSigmasType, solverOrder } = this.config;
    checkDpmOptions(this.className, algorithmType, finalSigmasType);
    this.#history = new SolverHistory(solverOrder);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): DPMSolverSinglestepScheduler {
    return new DPMSolverSinglestepScheduler(readConfig(table, source, options));
  }

  protected override finalSigma(): number {
    return this.config.finalSigmasType === "zero" ? 0 : this.trainSigmas[0];
  }

  protected override forget(): void {
    this.#history.clear();
    this.#start = null;
  }

  protected override takeStep(step: SigmaStep): SigmaStepOutput {
    const { sample, index, options } = step;
    const { algorithmType, solverType } = this.config;
    const original = this.originalSample(step);
    const output = integrandOf(algorithmType) === "data" ? original : this.epsilon(step, original);
    const here = this.solverLevel(index);
    const start = this.#startOf(index, { level: here, sample: sample.data });
    this.#history.push({ lambda: here.lambda, output });
    const prev = dpmSinglestepStep(
      { algorithmType, solverType },
      {
        sample: start.sample,
        from: start.level,
        to: this.solverLevel(index + 1),
        points: this.#history.points.toReversed(),
        noise: isStochastic(algorithmType) ? this.stepNoise(options, sample) : null,
      },
    );
    return { prev, original };
  }

  /** The start of a step's group; a step that begins a group or a run is itself the start. */
  #startOf(index: number, here: GroupStart): GroupStart {
    if (this.#start !== null && !this.#isFirst(index)) return this.#start;
    this.#history.clear();
    this.#start = here;
    return here;
  }

  /** Whether a step begins a group. */
  #isFirst(index: number): boolean {
    const { solverOrder, lowerOrderFinal } = this.config;
    const count = this.timesteps.length;
    const endsClean = this.sigmas[count] === 0;
    if (endsClean && index === count - 1) return true;
    // Runs with a short end that would otherwise end on a whole group: the last step stands alone, and so leaves a
    // group of one less before it.
    const isShort = lowerOrderFinal || endsClean || count % solverOrder !== 0;
    const standsAlone = isShort && count % solverOrder === 0 && index === count - 1;
    return standsAlone || index % solverOrder === 0;
  }
}
