// The history of multistep solvers: the model's last outputs.

/** The model's output at a noise level, in the form that the solver integrates. */
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

  /** Adds a point. At the same noise level (rounded timesteps repeat) it replaces the last: equals give no slope. */
  push(point: SolverPoint): void {
    const older = this.#points[0]?.lambda === point.lambda ? this.#points.slice(1) : this.#points;
    this.#points = [point, ...older].slice(0, this.#limit);
  }

  clear(): void {
    this.#points = [];
  }
}
