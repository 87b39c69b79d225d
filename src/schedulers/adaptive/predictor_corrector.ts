// Predictor-corrector sampling, Song et al. 2021, "Score-based generative modeling through
// stochastic differential equations" (arXiv 2011.13456), algorithms 1 to 5 and appendix G.
//
// A predictor takes the sample to the next noise level; Langevin steps at that level then correct its distribution. The
// amount of noise in a Langevin step is not fixed: the step size follows from the signal-to-noise ratio `snr`.

import * as v from "valibot";
import * as exact from "../../engine/math/index.ts";
import { type ConfigOf, option, optionTable, positive, resolveOptions, wholeFrom } from "../bases/options.ts";
import type { NoiseLevel } from "../math/prediction.ts";
import { weightedSum } from "../math/weighted_sum.ts";
import { type Diffusion, type ImageWork, preserving, rootMeanSquare, score, sdes } from "./diffusion.ts";
import type { ImageRun, Sampler } from "./sampler.ts";

/** ancestral: DDPM's step, from the posterior of x_{t-1}. reverse_diffusion: the reverse SDE, discretised likewise. */
const predictors = ["ancestral", "reverse_diffusion"] as const;
/** The kinds of predictor step. @useDeclaredType */
export type Predictor = (typeof predictors)[number];

const options = {
  /** Number of noise levels, and so of predictor steps. */
  steps: option(wholeFrom(1), 50),
  /** r: signal-to-noise ratio, the norm of the corrector's score term over that of its noise. */
  snr: option(positive, 0.16),
  /** M: Langevin steps at each noise level. */
  correctorSteps: option(wholeFrom(0), 1),
  /** The kind of predictor step. */
  predictor: option(v.picklist(predictors), "ancestral"),
  /** The scaling of samples. */
  sde: option(v.picklist(sdes), "vp"),
};
/** The options of PredictorCorrectorSampler as resolved. @interface */
export type PredictorCorrectorConfig = ConfigOf<typeof options>;

const table = optionTable("pc", options);

/** A step: its mean is `ofSample` x + `ofOriginal` x_0, the standard deviation of its noise is `noise`. */
interface Transition {
  readonly ofSample: number;
  readonly ofOriginal: number;
  readonly noise: number;
}

/** A sampler over a fixed list of noise levels; it evaluates the model steps + correctorSteps (steps - 1) times. */
export class PredictorCorrectorSampler implements Sampler {
  readonly name = table.className;
  readonly config: Readonly<PredictorCorrectorConfig>;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<PredictorCorrectorConfig> = {}) {
    this.config = resolveOptions(table, options);
  }

  /** @throws RangeError for more steps than there are timesteps */
  check(diffusion: Diffusion): void {
    diffusion.timesteps(this.config.steps);
  }

  /**
   * Algorithm 1. From pure noise (ᾱ = 0) the first step is the posterior's with either predictor, as it needs no score.
   * The last step returns the predicted x_0, without noise and without a corrector.
   */
  *draw(diffusion: Diffusion, { randn, report }: ImageRun): ImageWork<Float32Array> {
    const { steps, correctorSteps, sde } = this.config;
    const timesteps = diffusion.timesteps(steps);
    let level = diffusion.level(timesteps[0], "vp");
    let x = randn();
    if (level.alpha > 0 && sde === "ve") {
      level = diffusion.level(timesteps[0], sde);
      x = weightedSum([exact.hypot(level.alpha, level.sigma), x]);
    }
    for (const [i, timestep] of timesteps.entries()) {
      const x0 = yield* diffusion.originalSample(x, level);
      const isLast = i === timesteps.length - 1;
      const nextTimestep = isLast ? -1 : timesteps[i + 1];
      const about = { timestep, nextTimestep, error: null, rejected: 0, share: (i + 1) / timesteps.length };
      if (isLast) {
        report({ ...about, noise: 0, correctorNoise: [], sample: x0, predOriginalSample: x0 });
        return x0;
      }
      const next = diffusion.level(nextTimestep, sde);
      const { ofSample, ofOriginal, noise } = this.#transition(level, next);
      x = weightedSum([ofSample, x], [ofOriginal, x0], [noise, randn()]);
      level = next;

      const factor = sde === "vp" ? diffusion.alpha(nextTimestep) : 1;
      const corrected: number[] = [];
      for (let j = 0; j < correctorSteps; j++) {
        const step = yield* langevinStep(diffusion, x, level, this.config.snr, factor, randn());
        x = step.sample;
        corrected.push(step.noise);
      }

      const unit = 1 / exact.hypot(level.alpha, level.sigma);
      const correctorNoise = corrected.map((deviation) => deviation * unit);
      report({
        ...about,
        noise: [noise * unit, ...correctorNoise].reduce((all, part) => exact.hypot(all, part)),
        correctorNoise,
        sample: preserving(x, level),
        predOriginalSample: x0,
      });
    }
    throw new RangeError("pc: there are no timesteps");
  }

  /** From one noise level to the next. In the forward process, x = a x_next + noise of variance s². */
  #transition(from: NoiseLevel, to: NoiseLevel): Transition {
    const a = from.alpha / to.alpha;
    const variance = exact.square(from.sigma) - exact.square(a * to.sigma);
    if (this.config.predictor === "ancestral" || from.alpha === 0) {
      return {
        ofSample: (a * exact.square(to.sigma)) / exact.square(from.sigma),
        ofOriginal: (to.alpha * variance) / exact.square(from.sigma),
        noise: (Math.sqrt(variance) * to.sigma) / from.sigma,
      };
    }
    // (2 - a) x + s² score (algorithms 2 and 3), with the score in terms of x_0.
    return {
      ofSample: 2 - a - variance / exact.square(from.sigma),
      ofOriginal: (variance * from.alpha) / exact.square(from.sigma),
      noise: Math.sqrt(variance),
    };
  }
}

/**
 * A corrector step moves a sample towards the distribution of its noise level, and leaves that distribution unchanged:
 *   x + δ score + sqrt(2 δ) z with δ = 2 α (r ‖z‖ / ‖score‖)², algorithms 4 (α = 1) and 5.
 * The norms are over this one image.
 * @param snr r; a step raises the variance by a share of about r²
 * @returns the sample, and the standard deviation of the noise in it
 */
export function* langevinStep(
  diffusion: Diffusion,
  x: Float32Array,
  level: NoiseLevel,
  snr: number,
  alpha: number,
  z: Float32Array,
): ImageWork<{ sample: Float32Array; noise: number }> {
  const gradient = score(x, yield* diffusion.originalSample(x, level), level);
  const size = 2 * alpha * exact.square((snr * rootMeanSquare(z)) / rootMeanSquare(gradient));
  if (!Number.isFinite(size)) {
    throw new RangeError(
      `pc: the size of a corrector step is ${size}: the model's score is zero or not finite`,
    );
  }
  const noise = Math.sqrt(2 * size);
  return { sample: weightedSum([1, x], [size, gradient], [noise, z]), noise };
}
