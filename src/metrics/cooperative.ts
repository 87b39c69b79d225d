// Long computations on the main thread: between pieces they let signals, timers and progress through.

import { timing } from "#platform";

/** Longest time between two chances for the rest of the process (milliseconds). */
const SLICE_MS = 40;

/** How long work on the host tells of its progress, lets the process answer in between, and is stopped. */
export interface Cooperation {
  /** Stops the work: its promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told of the share that is done, 0 to 1, now and then. */
  readonly onProgress?: (share: number) => void;
}

/** @returns to be called, and awaited, between pieces of work */
export function cooperate({ signal, onProgress }: Cooperation): (share: number) => Promise<void> {
  let last = performance.now();
  return async (share) => {
    signal?.throwIfAborted();
    if (performance.now() - last < SLICE_MS) return;
    onProgress?.(share);
    await timing.letOthersRun();
    signal?.throwIfAborted();
    last = performance.now();
  };
}

/** For a part of some work: its progress is the work's, from `from` on over `share` of it. */
export function partOf({ signal, onProgress }: Cooperation, from: number, share: number): Cooperation {
  return {
    ...(signal && { signal }),
    ...(onProgress && { onProgress: (done: number) => onProgress(from + share * done) }),
  };
}
