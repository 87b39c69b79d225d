// Events that stop the work at a good place: Ctrl-C and similar signals, of which a second one ends the process; and
// the loss of the terminal, of the parent process or of standard output. A loss is noticed more than once and late (a
// signal, a closed channel, a failing write), so it never counts as a second press.

import { EXIT } from "./errors.ts";

/** One key press can arrive twice: from the terminal, and forwarded by the parent process. */
const SAME_PRESS_MS = 400;
const PRESSES = ["SIGINT", "SIGTERM"] as const;
/** The end of a terminal; and what schedulers and launchers pass on without ending anything themselves. */
const REQUESTS = process.platform === "win32" ? (["SIGHUP"] as const) : (["SIGHUP", "SIGUSR2"] as const);

const stops = new Set<() => void>();
let isExpected = false;
let isAsked = false;
let pressedAt: number | undefined;

/**
 * Calls `stop` once: at the first SIGINT, SIGTERM, SIGHUP, SIGUSR2 or loss, or immediately if that has already happened. At a
 * second SIGINT or SIGTERM the process ends at once.
 * @returns a function that removes `stop`; without one, signals end the process
 */
export function onInterrupt(stop: () => void): () => void {
  if (stops.size === 0) {
    for (const signal of PRESSES) process.on(signal, press);
    for (const signal of REQUESTS) process.on(signal, askToStop);
  }
  stops.add(stop);
  if (isAsked) stop();
  return () => {
    stops.delete(stop);
    if (stops.size > 0) return;
    for (const signal of PRESSES) process.off(signal, press);
    for (const signal of REQUESTS) process.off(signal, askToStop);
  };
}

/** Call while preparing stoppable work: a loss then stops the work when it begins. A signal still ends the process. */
export function expectWork(): void {
  isExpected = true;
}

/**
 * Asks the work to stop, unless already done.
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
