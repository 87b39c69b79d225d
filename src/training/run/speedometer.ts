// How fast a run goes, and how long it will still take.

/** Recent steps over which the speed is taken. */
const WINDOW = 20;

/** Work beside the steps, which comes every so many steps. */
export type AsideWork = "samples" | "quality" | "checkpoint";

export class Speedometer {
  readonly #batchSize: number;
  #started: number | undefined;
  readonly #secondsBefore: number;
  readonly #recent: number[] = [];
  /** How long each kind of work took the last time, seconds. */
  readonly #asides = new Map<AsideWork, number>();

  /** @param secondsBefore time the run took before it was resumed */
  constructor(batchSize: number, secondsBefore: number) {
    this.#batchSize = batchSize;
    this.#secondsBefore = secondsBefore;
  }

  /** Since the first step, and what the run took before it was resumed. */
  get seconds(): number {
    const now = performance.now();
    return this.#secondsBefore + (now - (this.#started ?? now)) / 1000;
  }

  /** Of the recent steps, without the work beside them. */
  get imagesPerSecond(): number {
    return this.#batchSize / this.#secondsPerStep;
  }

  async time<T>(step: () => Promise<T>): Promise<T> {
    this.#started ??= performance.now();
    const [result, seconds] = await timed(step);
    this.#recent.push(seconds);
    if (this.#recent.length > WINDOW) this.#recent.shift();
    return result;
  }

  async timeAside<T>(kind: AsideWork, work: () => Promise<T>): Promise<T> {
    const [result, seconds] = await timed(work);
    this.#asides.set(kind, seconds);
    return result;
  }

  /** @param every steps between each kind of work; 0 for never */
  secondsLeft(steps: number, every: Readonly<Record<AsideWork, number>>): number {
    let seconds = steps * this.#secondsPerStep;
    for (const [kind, cost] of this.#asides) {
      if (every[kind] > 0) seconds += (steps / every[kind]) * cost;
    }
    return seconds;
  }

  get #secondsPerStep(): number {
    return this.#recent.reduce((total, seconds) => total + seconds, 0) / this.#recent.length;
  }
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const result = await work();
  return [result, (performance.now() - start) / 1000];
}
