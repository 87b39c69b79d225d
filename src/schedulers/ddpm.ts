// ddpm.ts: DDPMScheduler, the ancestral sampler of Ho et al. 2020, "Denoising diffusion probabilistic models"
// (arXiv 2006.11239), with the learned variances of Nichol & Dhariwal 2021 (arXiv 2102.09672).

import * as v from "valibot";
import { PosteriorSchedulerBase, varianceTypes } from "./bases/ddpm_posterior.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  option,
  optionTable,
  readConfig,
} from "./bases/options.ts";
import { type DiscreteConfig, discreteOptions } from "./bases/shared_options.ts";

export type { VarianceType } from "./bases/ddpm_posterior.ts";

const options = {
  ...discreteOptions,
  varianceType: option(v.picklist(varianceTypes), "fixed_small"),
};
/** The options of DDPMScheduler as resolved. */
export type DDPMSchedulerConfig = DiscreteConfig & ConfigOf<typeof options>;

const table = optionTable("DDPMScheduler", options, { foreignValues: { varianceType: [null] } });

/** The sampler of DDPM: as many random steps as there are timesteps, or a subset of them. */
export class DDPMScheduler extends PosteriorSchedulerBase<DDPMSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<DDPMSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): DDPMScheduler {
    return new DDPMScheduler(readConfig(table, source, options));
  }
}
