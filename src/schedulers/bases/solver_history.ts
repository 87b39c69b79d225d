// What multistep solvers remember.

/** What the model gave at a noise level, as the solver integrates it. */
export interface SolverPoint {
  readonly lambda: number;
  readonly output: Float32Array;
}

/** The last points of a run, the newest first, no two at one noise level. */
export class SolverHistory {
  readonly #limit: number;
  #points: readonly SolverPoint[] = [];

  /** @param limit how many points are kept */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get points(): readonly SolverPoint[] {
    return this.#points;
  }

  get length(): number {
    return this.#points.length;
  }

  /** Adds a point. Where rounded timesteps repeat it takes the place of the one before: no slope between two equals. */
  push(point: SolverPoint): void {
    const older = this.#points[0]?.lambda === point.lambda ? this.#points.slice(1) : this.#points;
    this.#points = [point, ...older].slice(0, this.#limit);
  }

  clear(): void {
    this.#points = [];
  }
}
