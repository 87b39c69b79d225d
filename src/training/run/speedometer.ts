// Measures the speed of a run, and estimates its remaining time.

/** Number of recent steps for the speed. */
const WINDOW = 20;

/** Work between the steps, done at regular intervals. */
export type AsideWork = "samples" | "quality" | "checkpoint";

export class Speedometer {
  readonly #batchSize: number;
  #started: number | undefined;
  readonly #secondsBefore: number;
  /** Seconds of pauses. */
  #paused = 0;
  readonly #recent: number[] = [];
  /** Last duration of each kind of work, seconds. */
  readonly #asides = new Map<AsideWork, number>();

  /** @param secondsBefore training time before the run was resumed */
  constructor(batchSize: number, secondsBefore: number) {
    this.#batchSize = batchSize;
    this.#secondsBefore = secondsBefore;
  }

  /** Time since the first step without pauses, plus the run's time before it was resumed. */
  get seconds(): number {
    const now = performance.now();
    return this.#secondsBefore + (now - (this.#started ?? now)) / 1000 - this.#paused;
  }

  /** Speed of the recent steps, without the work between them. */
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

  /** Waits; the time is not the training's. */
  async pause(end: Promise<void>): Promise<void> {
    const [, seconds] = await timed(() => end);
    this.#paused += seconds;
  }

  async timeAside<T>(kind: AsideWork, work: () => Promise<T>): Promise<T> {
    const [result, seconds] = await timed(work);
    this.#asides.set(kind, seconds);
    return result;
  }

  /** Estimated time to the end of the run. @param every steps between each kind of work; 0 for never */
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
