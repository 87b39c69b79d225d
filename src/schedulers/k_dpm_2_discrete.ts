// KDPM2DiscreteScheduler, second-order steps along the probability flow: Karras et al. 2022 (arXiv
// 2206.00364, appendix B) after DPM-Solver-2 (Lu et al. 2022, arXiv 2206.00927).

import { KDPM2SchedulerBase } from "./bases/k_dpm_2.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  optionTable,
  readConfig,
} from "./bases/options.ts";
import { type ExplodingConfig, explodingOptions } from "./bases/variance_exploding.ts";
import type { AncestralStep } from "./math/sigmas.ts";

/** The options of KDPM2DiscreteScheduler as resolved. */
export type KDPM2DiscreteSchedulerConfig = ExplodingConfig & ConfigOf<typeof explodingOptions>;

const table = optionTable("KDPM2DiscreteScheduler", explodingOptions);

/** DPM2: a midpoint method in log σ. */
export class KDPM2DiscreteScheduler extends KDPM2SchedulerBase<KDPM2DiscreteSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<KDPM2DiscreteSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): KDPM2DiscreteScheduler {
    return new KDPM2DiscreteScheduler(readConfig(table, source, options));
  }

  protected override landing(_from: number, to: number): AncestralStep {
    return { down: to, up: 0 };
  }
}
