// Plans of methods with two model evaluations per step, and the state carried between the two halves.

import { timestepOfSigma } from "../math/sigmas.ts";
import type { SigmaPlan } from "./sigma_scheduler.ts";

/** A model evaluation of a plan. */
interface Evaluation {
  readonly sigma: number;
  readonly timestep: number;
}

/**
 * A plan with a second evaluation in every step, except in a step to no noise: entries 0, 2, 4, ... start a step, the
 * odd ones lie within it.
 * @param secondOf the second evaluation of step i
 */
function twoStagePlan({ timesteps, sigmas }: SigmaPlan, secondOf: (step: number) => Evaluation): SigmaPlan {
  const evaluations = timesteps.flatMap((timestep, i) => {
    const first = { sigma: sigmas[i], timestep };
    return sigmas[i + 1] > 0 ? [first, secondOf(i)] : [first];
  });
  return {
    timesteps: evaluations.map(({ timestep }) => timestep),
    sigmas: [...evaluations.map(({ sigma }) => sigma), sigmas[sigmas.length - 1]],
  };
}

/**
 * Of methods that evaluate again where the step leads, as Heun's does.
 * @param timestepOf the timestep of a noise level that is none of the plan's steps' start
 */
export function endpointPlan(plan: SigmaPlan, timestepOf: (sigma: number) => number): SigmaPlan {
  return twoStagePlan(plan, (step) => {
    const sigma = plan.sigmas[step + 1];
    return { sigma, timestep: plan.timesteps[step + 1] ?? timestepOf(sigma) };
  });
}

/**
 * Of methods that evaluate again half way in log σ.
 * @param trained σ of each of the T timesteps
 * @param landing the σ that step i leads down to
 */
export function midpointPlan(
  plan: SigmaPlan,
  trained: Float32Array,
  landing: (step: number) => number,
): SigmaPlan {
  return twoStagePlan(plan, (step) => {
    const sigma = Math.sqrt(plan.sigmas[step] * landing(step));
    return { sigma, timestep: timestepOfSigma(sigma, trained) };
  });
}

/** Whether an entry of such a plan is the second half of a step. */
export const isSecondHalf = (index: number): boolean => index % 2 === 1;

/** State that the first half of a step leaves for the second. */
export class CarriedOver<Value> {
  readonly #className: string;
  #value: Value | null = null;

  constructor(className: string) {
    this.#className = className;
  }

  put(value: Value): void {
    this.#value = value;
  }

  /** @throws RangeError when a run started within a step */
  take(): Value {
    if (this.#value === null) {
      throw new RangeError(
        `${this.#className}: sampling starts in the second half of a step; start at an even index of timesteps`,
      );
    }
    const value = this.#value;
    this.#value = null;
    return value;
  }

  drop(): void {
    this.#value = null;
  }
}
