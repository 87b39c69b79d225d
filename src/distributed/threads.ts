// How many threads a process has where several share a machine.

import { machine } from "#platform";
import type { Communicator } from "./communicator.ts";

/**
 * A process's share of its machine's processors: those that its launcher bound it to, or else an equal part.
 * @returns undefined for the only process of a machine, which has all
 */
export function threadsOf({ localSize }: Pick<Communicator, "localSize">): number | undefined {
  if (localSize === 1) return undefined;
  return Math.min(machine.cores(), Math.max(1, Math.floor(machine.allCores() / localSize)));
}
