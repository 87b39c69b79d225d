// The processes that run one command together, where a launcher such as mpirun started several.

import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import type { Communicator } from "../distributed/communicator.ts";
import { CancelledElsewhere } from "../distributed/errors.ts";
import { launchOf } from "../distributed/launcher.ts";
import { type DistributedMode, isLaunched, openCommunicator } from "../distributed/open.ts";
import { printable } from "../io/printable.ts";
import { checking, describeError, Interrupted, UsageError } from "./errors.ts";
import { createOutput, type Output, quietOutput } from "./output.ts";

/** An error that all processes have is the first one's to report: the others leave it this time (milliseconds). */
const FIRST_REPORTS_MS = 3000;

export interface TeamFlags {
  /** Default auto. */
  readonly distributed?: DistributedMode;
}

/** Whether this process has begun to work, alone or with others. */
let hasBegun = false;

/**
 * Whether the first process says what is wrong, because it is the same on all: an error in the command before they have
 * found each other. Others then give it the time to do so, since some launchers end all when one ends.
 */
export async function isLeftToFirst(error: unknown): Promise<boolean> {
  const rank = launchOf(process.env)?.rank ?? 0;
  if (rank === 0 || hasBegun || !(error instanceof UsageError)) return false;
  await sleep(FIRST_REPORTS_MS);
  return true;
}

/**
 * Does the work on all processes. Where it fails on one, all end.
 * @param work its communicator is undefined where no launcher started this process
 */
export async function together(
  { distributed: mode = "auto" }: TeamFlags,
  work: (communicator?: Communicator) => Promise<void>,
): Promise<void> {
  hasBegun = true;
  const isOne = mode === "none" || (mode === "auto" && !isLaunched());
  if (isOne) return work(undefined);
  const communicator = await checking(() => openCommunicator({ mode }));
  if (communicator.size === 1) {
    try {
      return await work(communicator);
    } finally {
      await communicator.close();
    }
  }
  // Thrown where nobody waits, it would end this process only, without its cause in the line that the others leave.
  const endAtOnce = (error: unknown) => void endAll(communicator, error);
  process.on("uncaughtException", endAtOnce);
  try {
    await work(communicator);
    await communicator.close();
  } catch (error) {
    const isInterrupted = error instanceof Interrupted || error instanceof CancelledElsewhere;
    if (isInterrupted && (await endsWithAll(communicator))) {
      // With another exit code than 0 a launcher may end the first one before that has said its line.
      if (communicator.rank > 0) return;
      throw error;
    }
    if (communicator.rank > 0) await sleep(FIRST_REPORTS_MS);
    await endAll(communicator, error);
  } finally {
    process.off("uncaughtException", endAtOnce);
  }
}

/** Ends all processes, and says what the cause was. */
function endAll(communicator: Communicator, error: unknown): Promise<never> {
  if (process.env.IMAGO_DEBUG === "1")
    process.stderr.write(`${inspect(error).split("\n").map(printable).join("\n")}\n`);
  return communicator.abort(describeError(error).line);
}

/** Ends together, if the others were interrupted, too. */
function endsWithAll(communicator: Communicator): Promise<boolean> {
  const end = communicator.close().then(() => true);
  return Promise.race([end, sleep(FIRST_REPORTS_MS, false, { ref: false })]);
}

/** The output of a command: of several processes, the first one speaks for all. */
export const outputOf = ({ rank }: Communicator, json = false): Output =>
  rank === 0 ? createOutput(json) : quietOutput();

/** Does work that leaves files for the others of a machine, such as a cache, on one process of each machine first. */
export async function firstOnEachMachine<T>(
  communicator: Communicator | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const isFirstHere = communicator === undefined || communicator.localRank === 0;
  const done = isFirstHere ? await work() : undefined;
  await communicator?.barrier();
  return done ?? work();
}
