// FlowMatchLCMScheduler, multistep consistency sampling along a flow: Luo et al. 2023, "Latent consistency models" (arXiv
// 2310.04378), algorithm 3, on the noise levels of flow matching (Lipman et al. 2022, arXiv 2210.02747).

import * as v from "valibot";
import { type FlowSpacingConfig, flowSpacingOptions, SpacedFlowSchedulerBase } from "./bases/flow_spacing.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  option,
  optionTable,
  readConfig,
} from "./bases/options.ts";
import type { SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";

/** Ways of enlarging images, by torch's names. */
const upscaleModes = [
  "nearest",
  "linear",
  "bilinear",
  "bicubic",
  "trilinear",
  "area",
  "nearest-exact",
] as const;

const options = {
  ...flowSpacingOptions,
  /** Null: images keep their size. diffusers can enlarge them between steps, which is not supported. */
  scaleFactors: option(v.null(), null),
  /** Kept for files: how images would be enlarged. */
  upscaleMode: option(v.picklist(upscaleModes), "bicubic"),
};
/** The options of FlowMatchLCMScheduler as resolved. @interface */
export type FlowMatchLCMSchedulerConfig = FlowSpacingConfig & ConfigOf<typeof options>;

const table = optionTable("FlowMatchLCMScheduler", options);

/** The sampler of flow models distilled to a few steps: each step goes to the image, and back to the next noise level. */
export class FlowMatchLCMScheduler extends SpacedFlowSchedulerBase<FlowMatchLCMSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<FlowMatchLCMSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): FlowMatchLCMScheduler {
    return new FlowMatchLCMScheduler(readConfig(table, source, options));
  }

  /** Draws noise in every step, even in the last, where its weight is 0. */
  protected override takeStep(step: SigmaStep): SigmaStepOutput {
    const original = this.imageAlong(step);
    return { prev: this.noisedAnew(original, step), original };
  }
}
