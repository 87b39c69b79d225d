// Importance sampling of timesteps: those with large losses are drawn more often and weighted less, which keeps the
// expected loss and gradient and lowers their variance. Nichol & Dhariwal 2021, "Improved denoising diffusion
// probabilistic models", arXiv 2102.09672, section 3.3.

import { philoxUniform } from "../../engine/random/philox.ts";

/** Number of losses kept per timestep. */
const HISTORY = 10;
/** Share of uniform draws, so that every timestep is drawn. */
const UNIFORM_SHARE = 0.001;
/** Philox site of these draws; those of a training program count up from 0. */
const SITE = 0xffffffff;

export interface ImportanceDraw {
  /** [N], from 0 to T-1. */
  readonly timesteps: Int32Array;
  /** [N]: 1 / (T p_t), the factors of the losses. */
  readonly importance: Float32Array;
}

/**
 * Equation 18: p_t ∝ √E[L_t²], each expectation over the last 10 losses of timestep t; uniform until every timestep has
 * 10 losses. The draws are a function of the seed, the step and the observed losses.
 */
export class LossSecondMoment {
  /** The losses of each timestep, oldest first. */
  readonly #losses: number[][];
  #probabilities: Float64Array | undefined;

  /** @param count T */
  constructor(count: number) {
    this.#losses = Array.from({ length: count }, () => []);
  }

  /** Whether every timestep has its 10 losses, so that importance sampling is active. */
  get isWarm(): boolean {
    return this.#losses.every(({ length }) => length === HISTORY);
  }

  /** p_t for every timestep; they sum to 1. */
  get probabilities(): Float64Array {
    this.#probabilities ??= this.#weigh();
    return this.#probabilities;
  }

  /** @param step optimizer steps done before this one */
  draw(batchSize: number, seed: number, step: number): ImportanceDraw {
    const { probabilities } = this;
    const count = probabilities.length;
    let sum = 0;
    const cumulative = probabilities.map((p) => {
      sum += p;
      return sum;
    });
    const uniform = new Float64Array(batchSize);
    philoxUniform(uniform, { seed, step, site: SITE });
    const timesteps = Int32Array.from(uniform, (u) => {
      const found = cumulative.findIndex((end) => u * sum < end);
      return found < 0 ? count - 1 : found;
    });
    return { timesteps, importance: Float32Array.from(timesteps, (t) => 1 / (count * probabilities[t])) };
  }

  /** Adds the losses of a step, one per image, before their factors. */
  observe(timesteps: Int32Array, losses: Float32Array): void {
    for (const [i, t] of timesteps.entries()) {
      const remembered = this.#losses[t];
      remembered.push(losses[i]);
      if (remembered.length > HISTORY) remembered.shift();
    }
    this.#probabilities = undefined;
  }

  /** The state for a checkpoint. */
  state(): readonly (readonly number[])[] {
    return this.#losses.map((losses) => [...losses]);
  }

  /** Restores a `state`. @throws RangeError for another number of timesteps, or too many losses */
  restore(state: readonly (readonly number[])[]): void {
    const most = Math.max(0, ...state.map(({ length }) => length));
    if (state.length !== this.#losses.length || most > HISTORY) {
      throw new RangeError(
        `remembered losses are of ${state.length} timesteps with up to ${most} each, expected ${this.#losses.length} with up to ${HISTORY}`,
      );
    }
    for (const [t, losses] of state.entries()) this.#losses[t] = [...losses];
    this.#probabilities = undefined;
  }

  #weigh(): Float64Array {
    const count = this.#losses.length;
    const uniform = new Float64Array(count).fill(1 / count);
    if (!this.isWarm) return uniform;
    const roots = this.#losses.map((losses) =>
      Math.sqrt(losses.reduce((sum, loss) => sum + loss * loss, 0) / HISTORY),
    );
    const total = roots.reduce((sum, root) => sum + root, 0);
    if (total === 0) return uniform;
    return uniform.map((p, t) => UNIFORM_SHARE * p + (1 - UNIFORM_SHARE) * (roots[t] / total));
  }
}
