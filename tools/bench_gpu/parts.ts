// Parts of a measurement, one after another, as long as there is time.

import type { Line } from "../bench_runs.ts";

/** When a measurement must be over. */
export interface Time {
  /** No part begins after this, by `performance.now()`. */
  readonly until: number;
  /** Nobody waits any longer for a part that has begun. */
  readonly end: AbortSignal;
}

/** Why a part has no result. */
export const NO_TIME = "no time left";
export const NOT_FINISHED = "not finished in time";

export class Parts {
  readonly #time: Time;
  readonly #ended: Promise<Line>;
  readonly #tell: (line: Line) => void;

  constructor(time: Time, tell: (line: Line) => void) {
    this.#time = time;
    this.#tell = tell;
    this.#ended = endOf(time.end).then(() => ({ skipped: NOT_FINISHED }));
  }

  get isOver(): boolean {
    return this.#time.end.aborted || performance.now() > this.#time.until;
  }

  /** Tells what a part gives; an error ends this part only. */
  async do(name: Line, work: () => Promise<Line>): Promise<void> {
    if (this.isOver) return this.#tell({ ...name, skipped: NO_TIME });
    try {
      this.#tell({ ...name, ...(await Promise.race([work(), this.#ended])) });
    } catch (error) {
      this.#tell({ ...name, error: error instanceof Error ? error.message : String(error) });
    }
  }
}

/** Resolves when a signal is given, or was before. */
export const endOf = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
