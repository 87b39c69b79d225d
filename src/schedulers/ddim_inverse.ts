// DDIMInverseScheduler, DDIM run backwards: from an image to the noise from which DDIM draws that image (Song et al.
// 2021, arXiv 2010.02502, section 4.3; Mokady et al. 2022, "Null-text inversion", arXiv 2211.09794).
//
// Every operation rounds to float32, in diffusers' order.

import * as v from "valibot";
import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import { DiscreteSchedulerBase } from "./bases/discrete.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  option,
  optionTable,
  readConfig,
} from "./bases/options.ts";
import {
  clippingOptions,
  type DiscreteConfig,
  noiseScheduleOptions,
  predictionOptions,
  type thresholdingOptions,
  timestepOptions,
  zeroSnrOptions,
} from "./bases/shared_options.ts";
import { ddimStep } from "./ddim.ts";
import { alphaProdAt } from "./math/noising.ts";
import { noiseLevel, predictEpsilon } from "./math/prediction.ts";
import type { StepOutput } from "./scheduler.ts";

const options = {
  ...noiseScheduleOptions,
  ...predictionOptions,
  ...clippingOptions,
  ...timestepOptions,
  /** As DDIM's, without "linspace". */
  timestepSpacing: option(v.picklist(["leading", "trailing"]), "leading"),
  ...zeroSnrOptions,
  /** Starts the first step from ᾱ = 1 (no noise); otherwise from ᾱ_0. */
  setAlphaToOne: option(v.boolean(), true),
};
/** The options of DDIMInverseScheduler as resolved. @interface */
export type DDIMInverseSchedulerConfig = Omit<DiscreteConfig, keyof typeof thresholdingOptions> &
  ConfigOf<typeof options>;

const table = optionTable("DDIMInverseScheduler", options);

/** DDIM from image to noise: timesteps rise, and the first sample is an image. */
export class DDIMInverseScheduler extends DiscreteSchedulerBase<DDIMInverseSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** ᾱ where the first step starts. */
  readonly initialAlphaCumprod: number;

  /**
   * @throws RangeError naming the option that is wrong, what was given and what is allowed; also for predictionType
   * "sample" with setAlphaToOne: the first step starts without noise, where x_0 says nothing of ε
   */
  constructor(options: Partial<DDIMInverseSchedulerConfig> = {}) {
    super(table, options);
    const { setAlphaToOne, predictionType } = this.config;
    if (setAlphaToOne && predictionType === "sample") {
      throw new RangeError(
        'DDIMInverseScheduler: predictionType "sample" needs setAlphaToOne false: without noise, x_0 says nothing of epsilon',
      );
    }
    this.initialAlphaCumprod = setAlphaToOne ? 1 : this.alphasCumprod[0];
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): DDIMInverseScheduler {
    return new DDIMInverseScheduler(readConfig(table, source, options));
  }

  /** The less noisy end of a step, here its start: timestep - floor(T / numInferenceSteps). */
  override previousTimestep(timestep: number): number {
    const stride = Math.floor(this.numTrainTimesteps / this.knownSteps());
    return Math.min(timestep - stride, this.numTrainTimesteps - 1);
  }

  /**
   * `ddimStep` with σ = 0, towards more noise: from `previousTimestep(timestep)` to `timestep`.
   * @param modelOutput the sample's shape
   * @param sample x at the less noisy end, [N, ..., C]
   * @throws RangeError on a wrong shape or timestep
   */
  step(modelOutput: HostTensor, timestep: number, sample: HostTensor): StepOutput {
    this.checkShape("the model's output", modelOutput.shape, sample.shape);
    const start = this.previousTimestep(timestep);
    const level = noiseLevel(start >= 0 ? alphaProdAt(this.alphasCumprod, start) : this.initialAlphaCumprod);
    const alphaProd = alphaProdAt(this.alphasCumprod, timestep);

    const original = this.originalSample(modelOutput.data, sample, level, start);
    const epsilon = predictEpsilon(this.config.predictionType, modelOutput.data, sample.data, level);
    const next = ddimStep(original.data, epsilon, { alphaProdPrev: alphaProd, sigma: 0 }, null);
    return { prevSample: hostTensor(next, sample.shape), predOriginalSample: original };
  }

  /** As DDIM's, rising. */
  protected override chosenTimesteps(steps: number): readonly number[] {
    return super.chosenTimesteps(steps).toReversed();
  }

  protected override givenTimesteps(): never {
    throw new RangeError("DDIMInverseScheduler takes no custom timesteps; give numInferenceSteps");
  }
}
