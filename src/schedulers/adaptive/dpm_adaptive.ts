// DPM-Solver with adaptive steps, Lu et al. 2022, "DPM-Solver: a fast ODE solver for diffusion
// probabilistic model sampling in around 10 steps" (arXiv 2206.00927), algorithms 1, 2, 4 and 5 (DPM-Solver-12 and -23).
//
// Samples are variance exploding, x = x_0 + σ ε. The paper's λ is then -log σ, and its solvers are Taylor expansions of
// x(λ + h) = x(λ) - σ(λ + h) ∫ e^(λ+h-τ) ε dτ. Each step is solved in two orders; their difference is the error. With
// eta above 0 a step goes further down and adds fresh noise, as ancestral sampling does; the amount of noise follows
// from the length of the accepted step.

import * as v from "valibot";
import * as exact from "../../engine/math/index.ts";
import { type ConfigOf, option, optionTable, positive, resolveOptions } from "../bases/options.ts";
import type { NoiseLevel } from "../math/prediction.ts";
import { weightedSum } from "../math/weighted_sum.ts";
import { type Diffusion, type ImageWork, noiseIn, preserving } from "./diffusion.ts";
import { checkStepSize, errorNorm, StepController } from "./error_control.ts";
import type { ImageRun, Sampler } from "./sampler.ts";
import { solverEnd, solverShare, solverStart } from "./solver_range.ts";

const gain = v.pipe(v.number(), v.finite(), v.minValue(0));
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

const options = {
  /** 2: DPM-Solver-12; 3: DPM-Solver-23. */
  order: option<number>(v.picklist([2, 3]), 3),
  /** Relative tolerance of a step. */
  rtol: option(gain, 0.05),
  /** Absolute tolerance of a step; 0.0078 is one level of 8-bit images in [-1, 1]. */
  atol: option(positive, 0.0078),
  /** Size of the first attempted step, in λ. */
  hInit: option(positive, 0.05),
  /** Gains of the step size controller: its proportional part. */
  pcoeff: option(gain, 0),
  /** Its integral part. */
  icoeff: option(gain, 1),
  /** Its derivative part. */
  dcoeff: option(gain, 0),
  /** A step is accepted when the controller would not shrink it below this share. */
  acceptSafety: option(v.pipe(share, v.gtValue(0)), 0.81),
  /** Fresh noise: 0 is the ODE, 1 the SDE. */
  eta: option(share, 0),
};
/** The options of DPMAdaptiveSampler as resolved. @interface */
export type DPMAdaptiveConfig = ConfigOf<typeof options>;

const table = optionTable("dpm-adaptive", options);

/** Two solutions of one step. */
interface Solutions {
  readonly low: Float32Array;
  readonly high: Float32Array;
}

/** A sampler that takes the longest steps in λ that the tolerance allows. */
export class DPMAdaptiveSampler implements Sampler {
  readonly name = table.className;
  readonly config: Readonly<DPMAdaptiveConfig>;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<DPMAdaptiveConfig> = {}) {
    this.config = resolveOptions(table, options);
    const { pcoeff, icoeff, dcoeff } = this.config;
    if (pcoeff + icoeff + dcoeff === 0) {
      throw new RangeError(
        "dpm-adaptive: pcoeff, icoeff and dcoeff are all 0; the step size would never change",
      );
    }
  }

  /** Algorithm 1, with the step size controller in place of a fixed power of the error. */
  *draw(diffusion: Diffusion, run: ImageRun): ImageWork<Float32Array> {
    const { order, hInit, acceptSafety, eta } = this.config;
    const { largest, least, sample } = yield* solverStart(diffusion, run);
    const [start, end] = [-exact.log(exact.tan(largest)), -exact.log(exact.tan(least))];
    const controller = new StepController(hInit, order, acceptSafety, this.config);
    let lambda = start;
    let x = weightedSum([exact.hypot(1, sigmaAt(start)), sample]);
    let previous = x; // the last step's less accurate solution, for the error norm
    while (lambda < end) {
      const level = levelAt(lambda);
      const timestep = diffusion.timestepOf(level);
      const x0 = yield* diffusion.originalSample(x, level);
      const epsilon = noiseIn(x, x0, level);
      for (let rejected = 0; ; rejected++) {
        checkStepSize(controller.stepSize, end - start);
        const next = Math.min(end, lambda + controller.stepSize);
        const { down, noise } = ancestral(level.sigma, sigmaAt(next), sigmaAt(end), eta);
        const { low, high } = yield* this.#solve(diffusion, x, epsilon, lambda, -exact.log(down) - lambda);
        const error = errorNorm(this.config, low, high, previous);
        if (!controller.accepts(error)) continue;
        x = noise > 0 ? weightedSum([1, high], [noise, run.randn()]) : high;
        previous = low;
        lambda = next;
        const reached = levelAt(lambda);
        run.report({
          timestep,
          nextTimestep: diffusion.timestepOf(reached),
          noise: noise / exact.hypot(1, reached.sigma),
          correctorNoise: [],
          error,
          rejected,
          share: solverShare((lambda - start) / (end - start)),
          sample: preserving(x, reached),
          predOriginalSample: x0,
        });
        break;
      }
    }
    return yield* solverEnd(diffusion, preserving(x, levelAt(end)), least, run);
  }

  *#solve(
    diffusion: Diffusion,
    x: Float32Array,
    epsilon: Float32Array,
    lambda: number,
    h: number,
  ): ImageWork<Solutions> {
    // ε at another point: the share `part` of the step ahead.
    function* epsilonAt(part: number, u: Float32Array): ImageWork<Float32Array> {
      const level = levelAt(lambda + part * h);
      return noiseIn(u, yield* diffusion.originalSample(u, level), level);
    }
    const first = (part: number) => -sigmaAt(lambda + part * h) * exact.expm1(part * h);
    /** The second-order solution with ε also evaluated at the share `part` of the step. */
    const second = (part: number, ahead: Float32Array) =>
      weightedSum([1, x], [first(1) * (1 - 1 / (2 * part)), epsilon], [first(1) / (2 * part), ahead]);

    if (this.config.order === 2) {
      const ahead = yield* epsilonAt(1 / 2, weightedSum([1, x], [first(1 / 2), epsilon]));
      return { low: weightedSum([1, x], [first(1), epsilon]), high: second(1 / 2, ahead) };
    }
    const [r1, r2] = [1 / 3, 2 / 3];
    /** The coefficient of the difference of ε: -σ (φ_1 - 1) of equations (3.4) and after. */
    const difference = (part: number) =>
      -sigmaAt(lambda + part * h) * (exact.expm1(part * h) / (part * h) - 1);
    const epsilon1 = yield* epsilonAt(r1, weightedSum([1, x], [first(r1), epsilon]));
    const of2 = difference(r2) * (r2 / r1);
    const epsilon2 = yield* epsilonAt(r2, weightedSum([1, x], [first(r2) - of2, epsilon], [of2, epsilon1]));
    const of3 = difference(1) / r2;
    return {
      low: second(r1, epsilon1),
      high: weightedSum([1, x], [first(1) - of3, epsilon], [of3, epsilon2]),
    };
  }
}

const sigmaAt = (lambda: number): number => exact.exp(-lambda);
const levelAt = (lambda: number): NoiseLevel => ({ alpha: 1, sigma: sigmaAt(lambda) });

/**
 * Splits a step from σ to `next`: down to a smaller σ, and up again by fresh noise with eta times the standard
 * deviation of the posterior (Song et al. 2021, arXiv 2010.02502, equation 16). Never goes below `end`, the last σ.
 */
function ancestral(sigma: number, next: number, end: number, eta: number): { down: number; noise: number } {
  const up = Math.min(next, eta * next * Math.sqrt(1 - exact.square(next / sigma)));
  const down = Math.max(end, Math.sqrt(exact.square(next) - exact.square(up)));
  return {
    down: Math.min(down, next),
    noise: Math.sqrt(Math.max(0, exact.square(next) - exact.square(down))),
  };
}
