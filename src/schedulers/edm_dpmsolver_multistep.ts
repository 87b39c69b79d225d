// EDMDPMSolverMultistepScheduler, the multistep form of DPM-Solver++ (Lu et al. 2022, arXiv
// 2211.01095, algorithm 2) for models trained with EDM's preconditioning (Karras et al. 2022, arXiv 2206.00364). Samples
// are x = x_0 + σ ε, so λ = -log σ. A step is `dpmMultistepStep`.

import * as v from "valibot";
import * as exact from "../engine/math/index.ts";
import { type EDMConfig, EDMSchedulerBase, edmForeignValues, edmOptions } from "./bases/edm.ts";
import { dpmPoints } from "./bases/multistep_order.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  option,
  optionTable,
  readConfig,
  wholeFrom,
} from "./bases/options.ts";
import { thresholdingOptions } from "./bases/shared_options.ts";
import type { SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { SolverHistory } from "./bases/solver_history.ts";
import { dpmMultistepStep } from "./dpmsolver_multistep.ts";
import { dpmAliases, dpmSolverTypes, isStochastic } from "./math/dpm_solver.ts";
import type { SolverLevel } from "./math/exponential_step.ts";
import { thresholdSample } from "./math/thresholding.ts";

const options = {
  ...edmOptions,
  /** 1 .. 3; 3 is as in DPMSolverMultistepScheduler. */
  solverOrder: option(v.pipe(wholeFrom(1), v.maxValue(3)), 2),
  ...thresholdingOptions,
  /** Whether noise is added ("sde-"); x_0 is integrated in both. */
  algorithmType: option(v.picklist(["dpmsolver++", "sde-dpmsolver++"]), "dpmsolver++"),
  /** How order 2 weights the slope: by the midpoint rule, or by its exact integral. */
  solverType: option(v.picklist(dpmSolverTypes), "midpoint"),
  /** Ends runs of fewer than 15 steps with orders 2 and 1. */
  lowerOrderFinal: option(v.boolean(), true),
  /** Takes the last step with order 1. */
  eulerAtFinal: option(v.boolean(), false),
};
/** The options of EDMDPMSolverMultistepScheduler as resolved. @interface */
export type EDMDPMSolverMultistepSchedulerConfig = EDMConfig &
  ConfigOf<typeof thresholdingOptions & typeof options>;

const table = optionTable("EDMDPMSolverMultistepScheduler", options, {
  aliases: dpmAliases,
  foreignValues: edmForeignValues,
});

/** DPM-Solver++, multistep, with EDM's preconditioning. */
export class EDMDPMSolverMultistepScheduler extends EDMSchedulerBase<EDMDPMSolverMultistepSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  readonly #history: SolverHistory;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<EDMDPMSolverMultistepSchedulerConfig> = {}) {
    super(table, options);
    this.#history = new SolverHistory(this.config.solverOrder);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): EDMDPMSolverMultistepScheduler {
    return new EDMDPMSolverMultistepScheduler(readConfig(table, source, options));
  }

  protected override forget(): void {
    this.#history.clear();
  }

  protected override takeStep({ output, sample, index, options }: SigmaStep): SigmaStepOutput {
    const { algorithmType, solverType, thresholding } = this.config;
    const original = this.originalSample(output, sample.data, this.sigmas[index]);
    if (thresholding) {
      const { dynamicThresholdingRatio, sampleMaxValue } = this.config;
      thresholdSample(original, sample.shape[0] ?? 1, dynamicThresholdingRatio, sampleMaxValue);
    }
    const from = this.#level(index);
    this.#history.push({ lambda: from.lambda, output: original });
    const prev = dpmMultistepStep(
      { algorithmType, solverType },
      {
        sample: sample.data,
        from,
        to: this.#level(index + 1),
        points: dpmPoints(this.config, this.sigmas, index, this.#history),
        noise: isStochastic(algorithmType) ? this.stepNoise(options, sample) : null,
      },
    );
    return { prev, original };
  }

  #level(index: number): SolverLevel {
    const sigma = this.sigmas[index];
    return { alpha: 1, sigma, lambda: -exact.log(sigma) };
  }
}
