// ddpm.ts: DDPMScheduler, the ancestral sampler of Ho et al. 2020, "Denoising diffusion probabilistic models"
// (arXiv 2006.11239), with the learned variances of Nichol & Dhariwal 2021 (arXiv 2102.09672).

import * as v from "valibot";
import { PosteriorSchedulerBase, type VarianceType, varianceTypes } from "./bases/ddpm_posterior.ts";
import { type DiscreteConfig, discreteDefaults } from "./bases/discrete.ts";
import {
  type ConfigSource,
  clippingEntries,
  discreteEntries,
  type FromConfigOptions,
  type OptionTable,
  readConfig,
} from "./bases/options.ts";

export type { VarianceType } from "./bases/ddpm_posterior.ts";

/** The options of DDPMScheduler as resolved. */
export type DDPMSchedulerConfig = DiscreteConfig & { varianceType: VarianceType };

const table: OptionTable<DDPMSchedulerConfig> = {
  className: "DDPMScheduler",
  schema: v.object({
    ...discreteEntries,
    ...clippingEntries,
    varianceType: v.exactOptional(v.picklist(varianceTypes)),
  }),
  defaults: { ...discreteDefaults, varianceType: "fixed_small" },
  foreignValues: { varianceType: [null] },
};

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
