// Ctrl-C and its relatives: the first asks the work to stop at a good place, the second ends the process.

import { EXIT } from "./errors.ts";

/** One key press can arrive twice: from the terminal, and passed on by the process that started this one. */
const SAME_PRESS_MS = 400;

/**
 * Calls `stop` at the first SIGINT, SIGTERM or SIGHUP; at a second one ends the process at once.
 * @returns a function that takes the handlers away
 */
export function onInterrupt(stop: () => void): () => void {
  let first: number | undefined;
  const handler = () => {
    const now = Date.now();
    if (first === undefined) {
      first = now;
      stop();
    } else if (now - first > SAME_PRESS_MS) {
      process.exit(EXIT.interrupted);
    }
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, handler);
  return () => {
    for (const signal of signals) process.off(signal, handler);
  };
}
