// Common to all schedulers: their options, and the checks of a step's inputs.

import type { HostTensor } from "../../engine/host_tensor.ts";
import { type Shape, sameShape, showShape } from "../../engine/shape.ts";
import type { JsonObject } from "../../io/diffusers_json.ts";
import type { StepOptions } from "../scheduler.ts";
import { type OptionTable, resolveOptions, writeConfig } from "./options.ts";

/** Base of the schedulers. */
export abstract class SchedulerBase<Config extends JsonObject> {
  /** The class's name in files. */
  readonly className: string;
  /** Every option as resolved, in camelCase. */
  readonly config: Readonly<Config>;

  protected constructor(table: OptionTable<Config>, options: object) {
    this.className = table.className;
    this.config = resolveOptions(table, options);
  }

  /** The options in snake_case with `_class_name` and `_diffusers_version`: the content of scheduler_config.json. */
  toConfig(): JsonObject {
    return writeConfig(this.className, this.config);
  }

  /** Drops the state of earlier steps, for schedulers that keep some. */
  protected forget(): void {}

  /**
   * The noise of a step: given by the caller, or drawn in the sample's shape.
   * @param timestep where the step starts, for errors
   */
  protected stepNoise(options: StepOptions, sample: HostTensor, timestep?: number): Float32Array {
    const { noise, varianceNoise } = options;
    if (noise && varianceNoise) {
      throw new RangeError(`${this.className}: give either noise or varianceNoise, not both`);
    }
    const drawn = varianceNoise ?? noise?.randn(sample.shape);
    if (!drawn) {
      const step = timestep === undefined ? "this step" : `the step from timestep ${timestep}`;
      throw new RangeError(`${this.className}: ${step} adds noise: give it options.noise (or varianceNoise)`);
    }
    this.checkShape("noise", drawn.shape, sample.shape);
    return drawn.data;
  }

  /** @throws RangeError when a tensor does not have the expected shape */
  protected checkShape(what: string, shape: Shape, expected: Shape): void {
    if (!sameShape(shape, expected)) {
      throw new RangeError(
        `${this.className}: ${what} has shape ${showShape(shape)}, expected ${showShape(expected)}`,
      );
    }
  }

  /** @throws RangeError unless a model's output holds a mean and a learned variance: twice the sample's channels */
  protected checkLearnedVariance(varianceType: string, output: HostTensor, sample: HostTensor): void {
    const channels = sample.shape.at(-1) ?? 1;
    const what = `the model's output (varianceType "${varianceType}")`;
    this.checkShape(what, output.shape, [...sample.shape.slice(0, -1), 2 * channels]);
  }
}
