// RePaintScheduler, the inpainting of Lugmayr et al. 2022, "RePaint: inpainting using denoising diffusion probabilistic
// models" (arXiv 2201.09865), for models trained without masks. Each step takes the known part from the image, noised
// to the sample's level, and the rest from the model. Sampling then jumps back towards noise and repeats, until the two
// parts agree.
//
// Every operation rounds to float32, in diffusers' order.

import * as v from "valibot";
import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import { showShape } from "../engine/shape.ts";
import { DiscreteSchedulerBase } from "./bases/discrete.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  option,
  optionTable,
  readConfig,
  wholeFrom,
} from "./bases/options.ts";
import {
  clippingOptions,
  type DiscreteConfig,
  noiseScheduleOptions,
  predictionOptions,
  type thresholdingOptions,
  type timestepOptions,
  zeroSnrOptions,
} from "./bases/shared_options.ts";
import { stepVariance } from "./ddim.ts";
import { alphaProdAt } from "./math/noising.ts";
import { noiseLevel, predictEpsilon } from "./math/prediction.ts";
import type { StepOptions, StepOutput, TimestepsSpec } from "./scheduler.ts";

const { fround } = Math;

/** diffusers' options, and those needed to read a model's output correctly. */
const options = {
  ...noiseScheduleOptions,
  ...predictionOptions,
  ...clippingOptions,
  ...zeroSnrOptions,
  /** Share of fresh noise in the unknown part, 0 (DDIM) .. 1 (DDPM). */
  eta: option(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0),
};
/** The options of RePaintScheduler as resolved. @interface */
export type RePaintSchedulerConfig = Omit<
  DiscreteConfig,
  keyof typeof thresholdingOptions | keyof typeof timestepOptions
> &
  ConfigOf<typeof options>;

/** The jumps back towards noise (section 4.2 and figure 9). */
export interface Jumps {
  /** Steps of a jump, at least 1. Default 10. */
  readonly jumpLength?: number;
  /** How often each stretch of jumpLength steps is denoised, at least 1; 1 means no jumps. Default 10. */
  readonly jumpNSample?: number;
}

const table = optionTable("RePaintScheduler", options);
const jumpCount = wholeFrom(1);
/** The most steps of a run, jumps included: years of computing. */
const MOST_STEPS = 2 ** 20;

/** Redraws a part of an image. Where the timesteps rise, the run jumps back: call `undoStep` there. */
export class RePaintScheduler extends DiscreteSchedulerBase<RePaintSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  #jumps: Required<Jumps> = { jumpLength: 10, jumpNSample: 10 };

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<RePaintSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): RePaintScheduler {
    return new RePaintScheduler(readConfig(table, source, options));
  }

  /** @throws RangeError for counts that are not whole or out of range, and for custom timesteps */
  override setTimesteps(spec: TimestepsSpec | (Jumps & { readonly numInferenceSteps: number })): void {
    const asked = typeof spec === "number" ? { numInferenceSteps: spec } : spec;
    const { jumpLength = 10, jumpNSample = 10, ...rest }: Jumps & typeof asked = asked;
    for (const [name, count] of Object.entries({ jumpLength, jumpNSample })) {
      if (v.is(jumpCount, count)) continue;
      throw new RangeError(`${this.className}: ${name} is ${count}, expected a whole number of at least 1`);
    }
    this.#jumps = { jumpLength, jumpNSample };
    super.setTimesteps(rest);
  }

  /** timestep - floor(T / numInferenceSteps). */
  override previousTimestep(timestep: number): number {
    return timestep - this.#stride;
  }

  /**
   * Algorithm 1, lines 4 to 8, with DDIM's step (Song et al. 2021, equation 12) in place of DDPM's. Both parts use the
   * same noise, drawn once.
   * @param modelOutput the sample's shape
   * @param sample x_t, [N, ..., C]
   * @param options with `originalImage` and `mask`
   * @throws RangeError on a wrong shape, timestep or eta, or when the image, the mask or noise is missing
   */
  step(modelOutput: HostTensor, timestep: number, sample: HostTensor, options: StepOptions = {}): StepOutput {
    const { eta = this.config.eta } = options;
    if (!(eta >= 0 && eta <= 1)) throw new RangeError(`${this.className}: eta is ${eta}, expected 0 .. 1`);
    this.checkShape("the model's output", modelOutput.shape, sample.shape);
    const known = this.#perValue("originalImage", options.originalImage, sample.shape);
    const mask = this.#perValue("mask", options.mask, sample.shape);
    const ends = this.alphaProds(timestep, this.previousTimestep(timestep), 1);
    const level = noiseLevel(ends.alphaProd);
    const previous = noiseLevel(ends.alphaProdPrev);

    const original = this.originalSample(modelOutput.data, sample, level, timestep);
    const epsilon = predictEpsilon(this.config.predictionType, modelOutput.data, sample.data, level);
    const noise = this.stepNoise(options, sample, timestep);

    const sigma = timestep > 0 ? fround(eta * fround(Math.sqrt(stepVariance(ends)))) : 0;
    const rest = Math.max(fround(fround(1 - ends.alphaProdPrev) - fround(sigma * sigma)), 0);
    const directionCoeff = fround(Math.sqrt(rest));
    const prev = original.data.map((x0, i) => {
      const direction = fround(fround(previous.alpha * x0) + fround(directionCoeff * epsilon[i]));
      const unknownPart = fround(direction + fround(sigma * noise[i]));
      const knownPart = fround(fround(previous.alpha * known(i)) + fround(previous.sigma * noise[i]));
      const keep = mask(i);
      return fround(keep * knownPart) + fround(fround(1 - keep) * unknownPart);
    });
    return { prevSample: hostTensor(prev, sample.shape), predOriginalSample: original };
  }

  /**
   * One step back towards noise, from `timestep` to `timestep` + floor(T / numInferenceSteps), one β at a time
   * (algorithm 1, line 10), with one draw of noise for each β.
   * @throws RangeError past the last timestep, or without `noise`
   */
  undoStep(sample: HostTensor, timestep: number, options: StepOptions): HostTensor {
    let { data } = sample;
    for (let t = timestep; t < timestep + this.#stride; t++) {
      const { alpha, sigma } = noiseLevel(fround(1 - alphaProdAt(this.betas, t)));
      const noise = this.stepNoise(options, sample, t);
      data = data.map((x, i) => fround(alpha * x) + fround(sigma * noise[i]));
    }
    return hostTensor(data, sample.shape);
  }

  /** Timesteps down to 0 with jumps back (appendix B): each falls by a stride or rises by one. */
  protected override chosenTimesteps(steps: number): readonly number[] {
    const { jumpLength, jumpNSample } = this.#jumps;
    if (steps * jumpNSample > MOST_STEPS) {
      throw new RangeError(
        `${this.className}: ${steps} steps, each stretch walked ${jumpNSample} times, are more than ${MOST_STEPS} in all; use a smaller jumpNSample or fewer steps`,
      );
    }
    const stride = Math.floor(this.numTrainTimesteps / steps);
    const timesteps: number[] = [];
    const jumpsLeft = new Map<number, number>();
    for (let t = 0; t < steps - jumpLength; t += jumpLength) jumpsLeft.set(t, jumpNSample - 1);
    for (let t = steps - 1; t >= 0; t--) {
      timesteps.push(t * stride);
      const left = jumpsLeft.get(t) ?? 0;
      if (left === 0) continue;
      jumpsLeft.set(t, left - 1);
      for (let k = 0; k < jumpLength; k++) timesteps.push(++t * stride);
    }
    return timesteps;
  }

  protected override givenTimesteps(): never {
    throw new RangeError(`${this.className} takes no custom timesteps; give numInferenceSteps`);
  }

  get #stride(): number {
    return Math.floor(this.numTrainTimesteps / this.knownSteps());
  }

  /** Reads value i of a tensor of the sample's shape, or of one with 1 in place of N or C. */
  #perValue(
    name: "originalImage" | "mask",
    tensor: HostTensor | undefined,
    shape: readonly number[],
  ): (i: number) => number {
    if (!tensor) {
      throw new RangeError(`${this.className}: a step needs ${name}; RePaintPipeline gives it`);
    }
    const [count, channels] = [tensor.shape[0], tensor.shape.at(-1) ?? 1];
    const fits =
      tensor.shape.length === shape.length &&
      tensor.shape.every((size, axis) => {
        const mayBeOne = axis === 0 || (axis === shape.length - 1 && name === "mask");
        return size === shape[axis] || (mayBeOne && size === 1);
      });
    if (!fits) {
      throw new RangeError(
        `${this.className}: ${name} has shape ${showShape(tensor.shape)}, expected that of the sample, ${showShape(shape)}, or one for all images${name === "mask" ? " or channels" : ""}`,
      );
    }
    const { data } = tensor;
    const perPixel = channels === shape.at(-1) ? 1 : (shape.at(-1) ?? 1);
    if (count === shape[0] && perPixel === 1) return (i) => data[i];
    return (i) => data[Math.floor(i / perPixel) % data.length];
  }
}
