// PNDMScheduler, the pseudo numerical methods of Liu et al. 2022, "Pseudo numerical methods for diffusion models on
// manifolds" (arXiv 2202.09778): linear multistep on the predicted noise, started by Runge-Kutta steps.
//
// Weights are computed in float64; images are rounded once per step.

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
import { noiseScheduleOptions, timestepOptions } from "./bases/shared_options.ts";
import { adamsBashforth, withSlope } from "./math/adams_bashforth.ts";
import { alphaProdAt } from "./math/noising.ts";
import { noiseLevel, predictEpsilon } from "./math/prediction.ts";
import { type Term, weightedSum } from "./math/weighted_sum.ts";
import type { StepOutput } from "./scheduler.ts";

const options = {
  ...noiseScheduleOptions,
  /** Skips the Runge-Kutta steps and starts with multistep formulas of lower order. */
  skipPrkSteps: option(v.boolean(), false),
  /** The last step ends at ᾱ = 1 (no noise); otherwise at ᾱ_0. */
  setAlphaToOne: option(v.boolean(), false),
  /** What the model's output means; PNDM cannot use "sample". */
  predictionType: option(v.picklist(["epsilon", "v_prediction"]), "epsilon"),
  ...timestepOptions,
};
/** The options of PNDMScheduler as resolved. @interface */
export type PNDMSchedulerConfig = ConfigOf<
  typeof noiseScheduleOptions & typeof timestepOptions & typeof options
>;

const table = optionTable("PNDMScheduler", options);

/** Grid points of the Runge-Kutta phase, and model evaluations per Runge-Kutta step. */
const GRID_POINTS = 4;
const CALLS_A_STEP = 4;
/** Simpson's weights of a Runge-Kutta step's calls. */
const SIMPSON = [1 / 6, 1 / 3, 1 / 3, 1 / 6];

/** An application of equation 11: from `start` at one timestep to another, along `output`. */
interface Transfer {
  readonly start: HostTensor;
  readonly output: Float32Array;
  readonly from: number;
  readonly to: number;
}

/** The sampler of PNDM. It keeps state: call `step` with `timesteps` in order. */
export class PNDMScheduler extends DiscreteSchedulerBase<PNDMSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** ᾱ where the last step ends. */
  readonly finalAlphaCumprod: number;
  /** How many of the timesteps belong to Runge-Kutta steps. */
  #prkCalls = 0;
  #calls = 0;
  /** The model's outputs at grid points, newest first; at most 4. */
  #history: readonly Float32Array[] = [];
  /** The outputs of the present Runge-Kutta step. */
  #slopes: readonly Float32Array[] = [];
  /** The sample at the start of a step with several evaluations. */
  #start: HostTensor | null = null;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<PNDMSchedulerConfig> = {}) {
    super(table, options);
    this.finalAlphaCumprod = this.config.setAlphaToOne ? 1 : this.alphasCumprod[0];
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): PNDMScheduler {
    return new PNDMScheduler(readConfig(table, source, options));
  }

  /**
   * timestep - floor(T / numInferenceSteps), as in diffusers: with "trailing" or "linspace" spacing this can differ
   * from the next timestep of the grid.
   */
  override previousTimestep(timestep: number): number {
    return timestep - this.#stride;
  }

  /**
   * Processes one model evaluation: a whole step (multistep) or a quarter of one (Runge-Kutta).
   * @param modelOutput the sample's shape
   * @param sample the result of the last call, [N, ..., C]
   * @returns the model's next sample; predOriginalSample is the x_0 given by the combined outputs
   * @throws RangeError on a wrong shape or timestep, or before `setTimesteps`
   */
  step(modelOutput: HostTensor, timestep: number, sample: HostTensor): StepOutput {
    this.checkShape("the model's output", modelOutput.shape, sample.shape);
    const isRungeKutta = this.#calls < this.#prkCalls;
    const transfer = isRungeKutta
      ? this.#rungeKutta(modelOutput.data, timestep, sample)
      : this.#multistep(modelOutput.data, timestep, sample);
    this.#calls++;
    return this.#transferred(transfer);
  }

  protected override chosenTimesteps(steps: number): readonly number[] {
    const grid = super.chosenTimesteps(steps);
    if (this.config.skipPrkSteps) {
      // The second timestep comes twice: its two evaluations make the first step one of second order.
      return grid.length < 2 ? grid : [grid[0], grid[1], ...grid.slice(1)];
    }
    if (steps < GRID_POINTS) {
      throw new RangeError(
        `PNDMScheduler: numInferenceSteps is ${steps}, expected at least ${GRID_POINTS} for the Runge-Kutta steps; or set skipPrkSteps`,
      );
    }
    const half = Math.floor(this.numTrainTimesteps / steps / 2);
    const prk = grid.slice(1, GRID_POINTS).flatMap((end, i) => {
      const middle = end + half;
      return [grid[i], middle, middle, end];
    });
    return [...prk, ...grid.slice(GRID_POINTS - 1)];
  }

  protected override givenTimesteps(): never {
    throw new RangeError("PNDMScheduler takes no custom timesteps; give numInferenceSteps");
  }

  protected override forget(): void {
    const { skipPrkSteps } = this.config;
    this.#prkCalls = skipPrkSteps ? 0 : CALLS_A_STEP * (GRID_POINTS - 1);
    this.#calls = 0;
    this.#history = [];
    this.#slopes = [];
    this.#start = null;
  }

  get #stride(): number {
    return Math.floor(this.numTrainTimesteps / this.knownSteps());
  }

  /** Section 3.3: evaluations at the start, twice in the middle and at the end, each at the previous one's result. */
  #rungeKutta(output: Float32Array, timestep: number, sample: HostTensor): Transfer {
    const call = this.#calls % CALLS_A_STEP;
    const from = this.timesteps[this.#calls - call];
    // The four evaluations lead to the middle, the middle again, the end, and (combined) the end.
    const to = timestep - (call % 2 === 0 ? Math.floor(this.#stride / 2) : 0);
    if (call === 0) {
      this.#start = sample;
      this.#history = [output, ...this.#history];
      this.#slopes = [];
    }
    this.#slopes = [...this.#slopes, output];
    const start = this.#start ?? sample;
    if (call < CALLS_A_STEP - 1) return { start, output, from, to };
    return { start, output: combined(SIMPSON, this.#slopes), from, to };
  }

  /** Equation 12; without Runge-Kutta steps the first step is Heun's, of two evaluations; the order rises to 4. */
  #multistep(output: Float32Array, timestep: number, sample: HostTensor): Transfer {
    const isCorrection = this.config.skipPrkSteps && this.#calls === 1;
    if (isCorrection) {
      const mean = weightedSum([1 / 2, output], [1 / 2, this.#history[0]]);
      return { start: this.#start ?? sample, output: mean, from: timestep + this.#stride, to: timestep };
    }
    if (this.#calls === 0) this.#start = sample;
    this.#history = withSlope(output, this.#history);
    const slope = adamsBashforth(this.#history);
    return { start: sample, output: slope, from: timestep, to: this.previousTimestep(timestep) };
  }

  /** Equation 11: DDIM's step as a linear combination of the sample and the noise. */
  #transferred({ start, output, from, to }: Transfer): StepOutput {
    const alphaProd = alphaProdAt(this.alphasCumprod, from);
    const alphaProdTo = to >= 0 ? alphaProdAt(this.alphasCumprod, to) : this.finalAlphaCumprod;
    const level = noiseLevel(alphaProd);
    const epsilon = predictEpsilon(this.config.predictionType, output, start.data, level);
    if (alphaProd === 0) {
      throw new RangeError(
        `PNDMScheduler: timestep ${from} is pure noise, from where no step leads; choose other betas`,
      );
    }
    const denominator =
      alphaProd * Math.sqrt(1 - alphaProdTo) + Math.sqrt(alphaProd * (1 - alphaProd) * alphaProdTo);
    const along = alphaProdTo === alphaProd ? 0 : (alphaProdTo - alphaProd) / denominator;
    const prev = weightedSum([Math.sqrt(alphaProdTo / alphaProd), start.data], [-along, epsilon]);
    const original = weightedSum([1 / level.alpha, start.data], [-level.sigma / level.alpha, epsilon]);
    return {
      prevSample: hostTensor(prev, start.shape),
      predOriginalSample: hostTensor(original, start.shape),
    };
  }
}

function combined(weights: readonly number[], outputs: readonly Float32Array[]): Float32Array {
  return weightedSum(...outputs.map((output, i): Term => [weights[i], output]));
}
