// Step size control: the error estimated from two solutions of different order, and the next step size.

import * as exact from "../../engine/math/index.ts";

/** A tolerance: the allowed error of a value is `atol`, or `rtol` of its size where that is larger. */
export interface Tolerance {
  readonly atol: number;
  readonly rtol: number;
}

/**
 * The difference of two solutions in units of the tolerance, over one image: the root mean square of
 *   difference / max(atol, rtol max(|low|, |previous|)).
 * 1 is just acceptable.
 * @throws RangeError when a value is not finite
 */
export function errorNorm(
  { atol, rtol }: Tolerance,
  low: Float32Array,
  high: Float32Array,
  previous: Float32Array,
): number {
  let sum = 0;
  for (let i = 0; i < low.length; i++) {
    const allowed = Math.max(atol, rtol * Math.max(Math.abs(low[i]), Math.abs(previous[i])));
    sum += exact.square((low[i] - high[i]) / allowed);
  }
  const error = Math.sqrt(sum / low.length);
  if (!Number.isFinite(error)) {
    throw new RangeError(
      `the error of a step is ${error}: the model's output is not finite, or the model is broken`,
    );
  }
  return error;
}

/** @throws RangeError for a step too small to make progress */
export function checkStepSize(step: number, way: number): void {
  if (step < way * 1e-6) {
    throw new RangeError(
      `the step has shrunk to ${step} of a way of ${way} without meeting the tolerance; raise rtol or atol`,
    );
  }
}

/** The gains of a controller: proportional, integral and derivative. */
export interface Gains {
  readonly pcoeff: number;
  readonly icoeff: number;
  readonly dcoeff: number;
}

/**
 * A PID controller of the step size (Söderlind 2003, "Digital filters in adaptive time-stepping"): the factor is a
 * product of powers of the inverses of the last three errors, smoothly limited to 0.2 .. 2.6. With icoeff = 1 alone it
 * is the classical (1 / error)^(1 / order).
 */
export class StepController {
  readonly #exponents: readonly [number, number, number];
  readonly #acceptSafety: number;
  #inverses: readonly [number, number] | undefined;
  stepSize: number;

  /** @param order of the error of the less accurate solution */
  constructor(stepSize: number, order: number, acceptSafety: number, { pcoeff, icoeff, dcoeff }: Gains) {
    this.stepSize = stepSize;
    this.#acceptSafety = acceptSafety;
    this.#exponents = [(pcoeff + icoeff + dcoeff) / order, -(pcoeff + 2 * dcoeff) / order, dcoeff / order];
  }

  /** Chooses the next step size from the error of an attempt. @returns whether the attempt is accepted */
  accepts(error: number): boolean {
    const inverse = 1 / (error + 1e-8);
    const [before, earlier] = this.#inverses ?? [inverse, inverse];
    const [now, last, first] = this.#exponents;
    const proposed = exact.pow(inverse, now) * exact.pow(before, last) * exact.pow(earlier, first);
    const factor = 1 + exact.atan(proposed - 1);
    const accepted = factor >= this.#acceptSafety;
    if (accepted) this.#inverses = [inverse, before];
    this.stepSize *= factor;
    return accepted;
  }
}
