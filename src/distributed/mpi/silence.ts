// How long something has been silent while this process listened. Time in which the process itself stood still (it was
// stopped, or the machine was asleep or too busy) counts as one second at most: others may have spoken meanwhile.

const MOST = 1000;

export class Silence {
  #milliseconds = 0;
  #looked: number;

  /** @param now milliseconds */
  constructor(now: number) {
    this.#looked = now;
  }

  /** @returns for how many milliseconds there has been nothing */
  look(now: number): number {
    this.#milliseconds += Math.min(now - this.#looked, MOST);
    this.#looked = now;
    return this.#milliseconds;
  }

  /** There was a sign of life. */
  end(): void {
    this.#milliseconds = 0;
  }
}
