// UnCLIPScheduler, the ancestral sampler of Ramesh et al. 2022, "Hierarchical text-conditional image generation with
// CLIP latents" (arXiv 2204.06125), following its open reimplementation: DDPM with cosine betas and timesteps from T-1
// to 0.

import * as v from "valibot";
import type { AlphaProds } from "./bases/discrete.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  option,
  optionTable,
  readConfig,
} from "./bases/options.ts";
import { clippingOptions, type DiscreteConfig, noiseScheduleOptions } from "./bases/shared_options.ts";
import { PosteriorSchedulerBase, type Stride } from "./ddpm.ts";
import { spacedTimesteps } from "./math/spacing.ts";

const { fround } = Math;

const options = {
  numTrainTimesteps: noiseScheduleOptions.numTrainTimesteps,
  /** As DDPM's. */
  varianceType: option(v.picklist(["fixed_small_log", "learned_range"]), "fixed_small_log"),
  ...clippingOptions,
  /** What the model's output means; "v_prediction" is not supported. */
  predictionType: option(v.picklist(["epsilon", "sample"]), "epsilon"),
  /** Always "squaredcos_cap_v2". */
  betaSchedule: option(v.literal("squaredcos_cap_v2"), "squaredcos_cap_v2"),
};
/** The options of UnCLIPScheduler as resolved. @interface */
export type UnCLIPSchedulerConfig = Pick<
  DiscreteConfig,
  "numTrainTimesteps" | "clipSample" | "clipSampleRange"
> &
  ConfigOf<typeof options>;

const table = optionTable("UnCLIPScheduler", options);

/** The sampler of unCLIP. */
export class UnCLIPScheduler extends PosteriorSchedulerBase<UnCLIPSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<UnCLIPSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): UnCLIPScheduler {
    return new UnCLIPScheduler(readConfig(table, source, options));
  }

  /**
   * From T-1 to 0, both included. @throws RangeError for a single step
   * @throws RangeError for a single step
   */
  protected override chosenTimesteps(steps: number): readonly number[] {
    if (steps === 1 && this.numTrainTimesteps > 1) {
      throw new RangeError(
        "UnCLIPScheduler: numInferenceSteps is 1, expected at least 2: the first and the last",
      );
    }
    return spacedTimesteps("linspace", steps, this.numTrainTimesteps, 0);
  }

  /** For a single timestep, β of the schedule, which is more exact than β computed from ᾱ. */
  protected override stride(timestep: number, previous: number, prods: AlphaProds): Stride {
    const beta =
      previous === timestep - 1 ? this.betas[timestep] : super.stride(timestep, previous, prods).beta;
    return { alpha: fround(1 - beta), beta };
  }
}
