// KDPM2AncestralDiscreteScheduler, second-order steps that go down too far and add new
// noise: the midpoint method of KDPM2DiscreteScheduler, with the split of ancestral sampling.

import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  optionTable,
  readConfig,
} from "./bases/options.ts";
import { type ExplodingConfig, explodingOptions } from "./bases/variance_exploding.ts";
import { KDPM2SchedulerBase } from "./k_dpm_2_discrete.ts";
import { type AncestralStep, ancestralStep } from "./math/sigmas.ts";

/** The options of KDPM2AncestralDiscreteScheduler as resolved. @interface */
export type KDPM2AncestralDiscreteSchedulerConfig = ExplodingConfig & ConfigOf<typeof explodingOptions>;

const table = optionTable("KDPM2AncestralDiscreteScheduler", explodingOptions);

/** DPM2 with new noise in every step but the last. */
export class KDPM2AncestralDiscreteScheduler extends KDPM2SchedulerBase<KDPM2AncestralDiscreteSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<KDPM2AncestralDiscreteSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): KDPM2AncestralDiscreteScheduler {
    return new KDPM2AncestralDiscreteScheduler(readConfig(table, source, options));
  }

  protected override landing(from: number, to: number): AncestralStep {
    return ancestralStep(from, to);
  }
}
