// Long computations on one thread: between pieces they let signals, timers and progress callbacks run.

import { timing } from "#platform";

/** Longest time without letting the rest of the process run, if no other is asked for (milliseconds). */
const SLICE_MS = 40;

/** Progress and cancellation of long work on the host, which also yields to the process in between. */
export interface Cooperation {
  /** Stops the work: its promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called now and then with the share that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
  /** Longest time without letting the rest of the process run, in milliseconds; default 40. A server takes less. */
  readonly sliceMs?: number;
}

/** @returns a function to call and await between pieces of work */
export function cooperate({
  signal,
  onProgress,
  sliceMs = SLICE_MS,
}: Cooperation): (share: number) => Promise<void> {
  let last = performance.now();
  return async (share) => {
    signal?.throwIfAborted();
    if (performance.now() - last < sliceMs) return;
    onProgress?.(share);
    await timing.letOthersRun();
    signal?.throwIfAborted();
    last = performance.now();
  };
}

/** Cooperation for a part of some work: its progress maps to `from` .. `from + share` of the whole. */
export function partOf({ onProgress, ...others }: Cooperation, from: number, share: number): Cooperation {
  return {
    ...others,
    ...(onProgress && { onProgress: (done: number) => onProgress(from + share * done) }),
  };
}
