// A target distribution whose best model and whose probability flow are known in closed form, to measure
// how fast solvers converge.
//
// With x_0 ~ N(m, s²) the noised sample x = α x_0 + σ ε is N(α m, α² s² + σ²), value by value. Its score is linear in x,
// and the probability flow keeps (x - α m) / sqrt(α² s² + σ²) constant.

import { type HostTensor, hostTensor } from "../../src/engine/host_tensor.ts";
import type { NoiseLevel, SolverPredictionType } from "../../src/schedulers/math/prediction.ts";
import type { Scheduler } from "../../src/schedulers/scheduler.ts";

/** N(mean, deviation²). */
export interface Gaussian {
  readonly mean: number;
  readonly deviation: number;
}

const spread = ({ deviation }: Gaussian, { alpha, sigma }: NoiseLevel) =>
  Math.hypot(alpha * deviation, sigma);

/** What the best model answers for one value x at a noise level. */
export function exactOutput(
  target: Gaussian,
  type: SolverPredictionType,
  x: number,
  level: NoiseLevel,
): number {
  const { alpha, sigma } = level;
  const centred = (x - alpha * target.mean) / spread(target, level) ** 2;
  const epsilon = sigma * centred;
  const original = target.mean + alpha * target.deviation ** 2 * centred;
  switch (type) {
    case "epsilon":
      return epsilon;
    case "sample":
      return original;
    case "v_prediction":
      return alpha * epsilon - sigma * original;
    case "flow_prediction":
      return epsilon - original;
    default:
      throw new RangeError(`prediction type ${String(type satisfies never)} is unknown`);
  }
}

/** Where the probability flow takes x from one noise level to another. */
export function exactFlow(target: Gaussian, x: number, from: NoiseLevel, to: NoiseLevel): number {
  const place = (x - from.alpha * target.mean) / spread(target, from);
  return to.alpha * target.mean + place * spread(target, to);
}

/** A sampler whose noise levels can be seen: sigmas[i] is that of the sample that goes to timesteps[i]. */
export type VisibleScheduler = Scheduler & { readonly sigmas: ArrayLike<number> };

/** How to measure. */
export interface Measurement {
  readonly target: Gaussian;
  readonly type: SolverPredictionType;
  /** What a sigma of the scheduler's plan means for its samples. */
  readonly levelOf: (sigma: number) => NoiseLevel;
}

/** The largest error at the end of a run over the plan that is set, against the exact flow from the same start. */
export function flowError(scheduler: VisibleScheduler, { target, type, levelOf }: Measurement): number {
  const { timesteps, sigmas } = scheduler;
  const first = levelOf(sigmas[0]);
  const last = levelOf(sigmas[sigmas.length - 1]);
  const places = [-1.5, -0.5, 0.3, 2];
  const start = Float32Array.from(places, (z) => first.alpha * target.mean + z * spread(target, first));
  let sample: HostTensor = hostTensor(start, [1, 2, 2, 1]);
  for (const [i, timestep] of timesteps.entries()) {
    const level = levelOf(sigmas[i]);
    const output = sample.data.map((x) => exactOutput(target, type, x, level));
    // Any noise does for solvers that ask for it also where its weight is 0.
    const options = { varianceNoise: sample };
    sample = scheduler.step(hostTensor(output, sample.shape), timestep, sample, options).prevSample;
  }
  const errors = Array.from(sample.data, (x, i) => Math.abs(x - exactFlow(target, start[i], first, last)));
  return Math.max(...errors);
}

/** log2 of how much the error falls each time the number of steps doubles. */
export function observedOrders(errorOf: (steps: number) => number, steps: readonly number[]): number[] {
  const errors = steps.map(errorOf);
  return errors.slice(1).map((error, i) => Math.log2(errors[i] / error));
}

/**
 * `steps` + 1 noise levels from `start` down to `end`. With a `power` above 1 the first steps are small, so that
 * multistep methods, which begin with low orders, show the order that they reach.
 */
export function smoothLevels(start: number, end: number, steps: number, power = 1): number[] {
  return Array.from({ length: steps + 1 }, (_, i) => start - (start - end) * (i / steps) ** power);
}
