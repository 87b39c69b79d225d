// What the times that threads noted in a profile say: how long each step took.

import { TIMES } from "./driver.ts";

const WORD = Float64Array.BYTES_PER_ELEMENT;
const [STEP, START, END] = [TIMES.bytes / WORD, TIMES.start / WORD, TIMES.end / WORD];

/**
 * Seconds of each step, from the first thread's start to the last one's end: a thread that was held up before it looked
 * at its clock does not hide the work that others did meanwhile.
 * @param times [threads, steps, 2] in milliseconds
 */
export function secondsOfSteps(times: Float64Array, threads: number): number[] {
  const steps = times.length / STEP / threads;
  return Array.from({ length: steps }, (_, step) => {
    let [start, end] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let thread = 0; thread < threads; thread++) {
      const at = (thread * steps + step) * STEP;
      start = Math.min(start, times[at + START]);
      end = Math.max(end, times[at + END]);
    }
    return (end - start) / 1000;
  });
}
