// What asks the work to stop at a good place: Ctrl-C and its relatives, of which a second one ends the process; and the
// loss of the terminal, of the process that started this one or of standard output. A loss is noticed more than once
// and late (a signal, a closed channel, the next write that fails), so it never counts as a second press.

import { EXIT } from "./errors.ts";

/** One key press can arrive twice: from the terminal, and passed on by the process that started this one. */
const SAME_PRESS_MS = 400;
const PRESSES = ["SIGINT", "SIGTERM"] as const;
const HANG_UP = "SIGHUP";

const stops = new Set<() => void>();
let isExpected = false;
let isAsked = false;
let pressedAt: number | undefined;

/**
 * Calls `stop` once: at the first SIGINT, SIGTERM, SIGHUP or loss, or now where that has been. At a second SIGINT or
 * SIGTERM the process ends at once.
 * @returns a function that takes `stop` away; where there is none, signals end the process
 */
export function onInterrupt(stop: () => void): () => void {
  if (stops.size === 0) {
    for (const signal of PRESSES) process.on(signal, press);
    process.on(HANG_UP, askToStop);
  }
  stops.add(stop);
  if (isAsked) stop();
  return () => {
    stops.delete(stop);
    if (stops.size > 0) return;
    for (const signal of PRESSES) process.off(signal, press);
    process.off(HANG_UP, askToStop);
  };
}

/** Work that can stop is being prepared: a loss until then stops it when it has begun. A signal still ends the process. */
export function expectWork(): void {
  isExpected = true;
}

/**
 * Asks the work to stop, if that was not done before.
 * @returns false where there is none
 */
export function askToStop(): boolean {
  if (stops.size === 0 && !isExpected) return false;
  if (!isAsked) {
    isAsked = true;
    for (const stop of stops) stop();
  }
  return true;
}

function press(): void {
  const now = Date.now();
  if (pressedAt !== undefined && now - pressedAt > SAME_PRESS_MS) process.exit(EXIT.interrupted);
  pressedAt ??= now;
  askToStop();
}
