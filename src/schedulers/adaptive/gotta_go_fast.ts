// An SDE solver with adaptive steps, Jolicoeur-Martineau et al. 2021, "Gotta go fast when generating
// data with score-based models" (arXiv 2105.14080), algorithm 1.
//
// A step of the reverse SDE is computed by Euler-Maruyama and, with the same noise, by the stochastic improved Euler
// method; their difference is the error. The more exact result is kept (extrapolation). A rejected step is tried again,
// shorter and with fresh noise: so the score decides how much noise is added, and when.
//
// The time variable is the same for every noise schedule:
//   VP: the angle φ, α = cos φ, σ = sin φ, with dx = -tan φ x dφ + sqrt(2 tan φ) dw;
//   VE: log σ, with dx = sqrt(2) σ dw.

import * as v from "valibot";
import * as exact from "../../engine/math/index.ts";
import { type ConfigOf, option, optionTable, positive, resolveOptions } from "../bases/options.ts";
import type { NoiseLevel } from "../math/prediction.ts";
import { weightedSum } from "../math/weighted_sum.ts";
import { type Diffusion, type ImageWork, preserving, type Sde, score, sdes } from "./diffusion.ts";
import { checkStepSize, errorNorm } from "./error_control.ts";
import type { ImageRun, Sampler } from "./sampler.ts";
import { solverEnd, solverShare, solverStart } from "./solver_range.ts";

const options = {
  /** ε_rel and ε_abs: relative and absolute tolerance of a step; 2/256 is one level of 8-bit images in [-1, 1]. */
  rtol: option(v.pipe(v.number(), v.finite(), v.minValue(0)), 0.05),
  /** The absolute tolerance; 2/256 is one level of 8-bit images in [-1, 1]. */
  atol: option(positive, 2 / 256),
  /** Size of the first attempted step, as a share of the whole way. */
  hInit: option(v.pipe(positive, v.maxValue(1)), 0.01),
  /** θ and r: the next step is θ h error^-r. */
  safety: option(v.pipe(positive, v.maxValue(1)), 0.9),
  /** r: the next step is θ h error^-r. */
  exponent: option(v.pipe(v.number(), v.minValue(0.5), v.maxValue(1)), 0.9),
  /** The scaling of samples. */
  sde: option(v.picklist(sdes), "vp"),
};
/** The options of GottaGoFastSampler as resolved. @interface */
export type GottaGoFastConfig = ConfigOf<typeof options>;

const table = optionTable("gotta-go-fast", options);

/** The forward SDE dx = drift x du + sqrt(diffusion) dw at a time u. */
interface Coefficients {
  readonly drift: number;
  readonly diffusion: number;
  readonly level: NoiseLevel;
}

const COEFFICIENTS: Record<Sde, (u: number) => Coefficients> = {
  vp: (angle) => ({
    drift: -exact.tan(angle),
    diffusion: 2 * exact.tan(angle),
    level: { alpha: exact.cos(angle), sigma: exact.sin(angle) },
  }),
  ve: (logSigma) => {
    const sigma = exact.exp(logSigma);
    return { drift: 0, diffusion: 2 * exact.square(sigma), level: { alpha: 1, sigma } };
  },
};

/** A sampler that walks the reverse SDE in the longest steps that the tolerance allows. */
export class GottaGoFastSampler implements Sampler {
  readonly name = table.className;
  readonly config: Readonly<GottaGoFastConfig>;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<GottaGoFastConfig> = {}) {
    this.config = resolveOptions(table, options);
  }

  /** Algorithm 1. */
  *draw(diffusion: Diffusion, run: ImageRun): ImageWork<Float32Array> {
    const { sde, hInit, safety, exponent } = this.config;
    const coefficients = COEFFICIENTS[sde];
    const time = (angle: number) => (sde === "vp" ? angle : exact.log(exact.tan(angle)));
    const { largest, least, sample } = yield* solverStart(diffusion, run);
    const [start, end] = [time(largest), time(least)];
    const way = start - end;

    let u = start;
    let h = hInit * way;
    let x = sde === "vp" ? sample : weightedSum([1 / exact.cos(largest), sample]);
    let previous = x;
    while (u > end) {
      const here = coefficients(u);
      const x0 = yield* diffusion.originalSample(x, here.level);
      for (let rejected = 0; ; rejected++) {
        const z = run.randn();
        h = Math.min(h, u - end);
        const next = h === u - end ? end : u - h;
        const there = coefficients(next);
        const euler = reverseStep(x, h, here, score(x, x0, here.level), x, z);
        const x0There = yield* diffusion.originalSample(euler, there.level);
        const ahead = reverseStep(x, h, there, score(euler, x0There, there.level), euler, z);
        const improved = weightedSum([0.5, euler], [0.5, ahead]);
        const error = errorNorm(this.config, euler, improved, previous);
        const taken = h;
        h *= safety * exact.pow(Math.max(error, 1e-6), -exponent);
        if (error > 1) {
          checkStepSize(h, way);
          continue;
        }
        const timestep = diffusion.timestepOf(here.level);
        x = improved;
        previous = euler;
        u = next;
        run.report({
          timestep,
          nextTimestep: diffusion.timestepOf(there.level),
          noise: meanNoise(taken, here, there) / exact.hypot(there.level.alpha, there.level.sigma),
          correctorNoise: [],
          error,
          rejected,
          share: solverShare((start - u) / way),
          sample: preserving(x, there.level),
          predOriginalSample: x0,
        });
        break;
      }
    }
    return yield* solverEnd(diffusion, preserving(x, coefficients(end).level), least, run);
  }
}

/** x - h (drift y - diffusion score(y)) + sqrt(h diffusion) z: Euler-Maruyama of the reverse SDE, with slopes at y. */
function reverseStep(
  x: Float32Array,
  h: number,
  { drift, diffusion }: Coefficients,
  scoreOfY: Float32Array,
  y: Float32Array,
  z: Float32Array,
): Float32Array {
  return weightedSum([1, x], [-h * drift, y], [h * diffusion, scoreOfY], [Math.sqrt(h * diffusion), z]);
}

/** The standard deviation of the noise in the improved step, whose two halves add the same z. */
function meanNoise(h: number, here: Coefficients, there: Coefficients): number {
  return (Math.sqrt(h * here.diffusion) + Math.sqrt(h * there.diffusion)) / 2;
}
