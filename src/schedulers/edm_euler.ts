// EDMEulerScheduler, Euler steps for models trained with EDM's preconditioning: algorithm 2 of Karras et
// al. 2022, "Elucidating the design space of diffusion-based generative models" (arXiv 2206.00364), without its
// second-order correction.

import { type EDMConfig, EDMSchedulerBase, edmForeignValues, edmOptions } from "./bases/edm.ts";
import { type ConfigSource, type FromConfigOptions, optionTable, readConfig } from "./bases/options.ts";
import type { SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { eulerStep } from "./euler_discrete.ts";
import { churn } from "./math/churn.ts";

/** The options of EDMEulerScheduler as resolved. @interface */
export type EDMEulerSchedulerConfig = EDMConfig;

const table = optionTable("EDMEulerScheduler", edmOptions, {
  foreignValues: edmForeignValues,
});

/** Euler's method in σ, with EDM's preconditioning. */
export class EDMEulerScheduler extends EDMSchedulerBase<EDMEulerSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<EDMEulerSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): EDMEulerScheduler {
    return new EDMEulerScheduler(readConfig(table, source, options));
  }

  protected override takeStep({ output, sample, index, options }: SigmaStep): SigmaStepOutput {
    const start = { sample: sample.data, sigma: this.sigmas[index] };
    const churned = churn(start, options, this.timesteps.length, () => this.stepNoise(options, sample));
    const original = this.originalSample(output, churned.sample, churned.sigma);
    return { prev: eulerStep(churned.sample, original, churned.sigma, this.sigmas[index + 1]), original };
  }
}
