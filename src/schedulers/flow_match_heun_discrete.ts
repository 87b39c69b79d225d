// FlowMatchHeunDiscreteScheduler, Heun's second-order method along the flow from noise to
// images of Esser et al. 2024 (arXiv 2403.03206): an Euler step, and the same step again with the mean of the directions
// at its two ends (Karras et al. 2022, arXiv 2206.00364, algorithm 1).

import { type FlowMatchConfig, FlowMatchSchedulerBase, flowMatchOptions } from "./bases/flow_match.ts";
import { type ConfigSource, type FromConfigOptions, optionTable, readConfig } from "./bases/options.ts";
import type { SigmaPlan, SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { CarriedOver, endpointPlan, isSecondHalf } from "./bases/two_stage.ts";
import { flowEulerStep } from "./flow_match_euler_discrete.ts";
import { weightedSum } from "./math/weighted_sum.ts";
import type { TimestepsSpec } from "./scheduler.ts";

/** The options of FlowMatchHeunDiscreteScheduler as resolved. @interface */
export type FlowMatchHeunDiscreteSchedulerConfig = FlowMatchConfig;

const table = optionTable("FlowMatchHeunDiscreteScheduler", flowMatchOptions);

/** The flow's direction at a noise level. */
interface FlowPoint {
  readonly v: Float32Array;
  readonly sigma: number;
}

/** x' = x + (σ' - σ) (v + v') / 2, v' the direction at the end of Euler's step (Karras et al., algorithm 1, line 8). */
export function flowHeunStep(begin: FlowPoint & { readonly x: Float32Array }, end: FlowPoint): Float32Array {
  const half = (end.sigma - begin.sigma) / 2;
  return weightedSum([1, begin.x], [half, begin.v], [half, end.v]);
}

/**
 * Heun's method along the flow: two model evaluations a step, so every timestep but the first is visited twice.
 * diffusers' sChurn is not supported: its noise does not fit samples whose image shrinks as noise grows.
 */
export class FlowMatchHeunDiscreteScheduler extends FlowMatchSchedulerBase<FlowMatchHeunDiscreteSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** Model evaluations per step. */
  override readonly order = 2;
  /** The start of the step. */
  readonly #begin = new CarriedOver<FlowPoint & { readonly x: Float32Array }>(table.className);

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<FlowMatchHeunDiscreteSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): FlowMatchHeunDiscreteScheduler {
    return new FlowMatchHeunDiscreteScheduler(readConfig(table, source, options));
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    return endpointPlan(super.plan(spec), (sigma) => Math.fround(sigma * this.numTrainTimesteps));
  }

  protected override forget(): void {
    this.#begin.drop();
  }

  protected override takeStep({ output, sample: { data: x }, index, options }: SigmaStep): SigmaStepOutput {
    if (options.sChurn) {
      throw new RangeError(
        `${this.className}: sChurn is ${options.sChurn}, but it adds no noise; leave it out`,
      );
    }
    const sigma = this.sigmas[index];
    const original = weightedSum([1, x], [-sigma, output]);
    if (!isSecondHalf(index)) {
      this.#begin.put({ x: x.slice(), v: output.slice(), sigma });
      return { prev: flowEulerStep(x, output, sigma, this.sigmas[index + 1]), original };
    }
    return { prev: flowHeunStep(this.#begin.take(), { v: output, sigma }), original };
  }
}
