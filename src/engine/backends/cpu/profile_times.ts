// How long each step of a profile took, from the times that the threads recorded.

import { TIMES } from "./driver.ts";

const WORD = Float64Array.BYTES_PER_ELEMENT;
const [STEP, START, END] = [TIMES.bytes / WORD, TIMES.start / WORD, TIMES.end / WORD];

/**
 * Seconds of each step, from the first thread's start to the last one's end: a thread delayed before it reads its
 * clock does not hide the work of the others.
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
