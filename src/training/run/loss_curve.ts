// The losses of a run in a bounded number of points: of a long run, each is the mean of equally many steps.

import { files } from "#platform";
import { readLosses } from "./metrics_log.ts";

/** Largest number of points; even, so that full points can be joined in pairs. */
const MOST_POINTS = 1000;

/** A point: the mean loss of the steps around `step`. */
export interface LossPoint {
  readonly step: number;
  readonly loss: number;
}

interface Part {
  /** First and last step. */
  readonly from: number;
  to: number;
  sum: number;
  count: number;
}

export class LossCurve {
  #parts: Part[] = [];
  #stepsPerPoint = 1;

  /** Reads a metrics.jsonl. @throws FileError when the file cannot be read */
  static async read(path: string): Promise<LossCurve> {
    const curve = new LossCurve();
    if (!(await files.exists(path))) return curve;
    for await (const { step, loss } of readLosses(path)) curve.add(step, loss);
    return curve;
  }

  /** Steps per point; the last point may have fewer. */
  get stepsPerPoint(): number {
    return this.#stepsPerPoint;
  }

  get points(): LossPoint[] {
    return this.#parts.map(({ from, to, sum, count }) => ({ step: (from + to) / 2, loss: sum / count }));
  }

  /** Adds the next step. */
  add(step: number, loss: number): void {
    const last = this.#parts.at(-1);
    if (last !== undefined && last.count < this.#stepsPerPoint) {
      last.to = step;
      last.sum += loss;
      last.count++;
      return;
    }
    if (this.#parts.length === MOST_POINTS) this.#halve();
    this.#parts.push({ from: step, to: step, sum: loss, count: 1 });
  }

  #halve(): void {
    this.#stepsPerPoint *= 2;
    this.#parts = Array.from({ length: this.#parts.length / 2 }, (_, i) => {
      const [a, b] = this.#parts.slice(2 * i, 2 * i + 2);
      return { from: a.from, to: b.to, sum: a.sum + b.sum, count: a.count + b.count };
    });
  }
}
