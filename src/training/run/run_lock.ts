// One process at a time in a run's folder, by a lock in it. Whoever holds it writes through it (`check`, `writing`): a
// folder that was removed, moved or taken over is not written into any more.

import { files } from "#platform";
import type { FolderLock, LockTiming, Permit } from "../../platform/platform.ts";
import { RunFolderError } from "../errors.ts";

/** The lock's name in a run's folder. */
export const LOCK = ".lock";

/** The right to write into a run's folder, as long as it lasts. */
export type RunHold = Pick<RunLock, "check" | "writing">;

export class RunLock {
  readonly #run: string;
  readonly #lock: FolderLock;

  /** @param run the run's folder */
  constructor(run: string, timing?: Partial<LockTiming>) {
    this.#run = run;
    this.#lock = files.lockOf(run, LOCK, timing);
  }

  /**
   * Takes the lock; the folder is made where it is missing.
   * @param onWatch called once where it takes a while to see whether somebody holds it
   * @throws RunFolderError when another process holds it, FileError when it cannot be written
   */
  async acquire(onWatch?: () => void): Promise<void> {
    const held = await this.#lock.acquire(onWatch);
    if (held === undefined) return;
    const who = held.holder === undefined ? "" : ` (${held.holder})`;
    throw new RunFolderError(
      `${this.#run}: another process is training this run${who}; wait until it ends, or stop it`,
    );
  }

  /**
   * To be called before anything is written into the run's folder; it costs some microseconds.
   * @throws RunFolderError when the folder was removed, moved or taken over
   */
  readonly check: Permit = () => {
    const loss = this.#lock.loss();
    if (loss === undefined) return;
    const [what, advice] = LOSSES[loss];
    throw new RunFolderError(
      `${this.#run} ${what} while this training wrote into it, which has stopped and left it as it is; ${advice}`,
    );
  };

  /**
   * Does work that writes into the run's folder and asks `check` again before what cannot be undone.
   * @throws RunFolderError as `check` does, before the work and in place of what it fails of
   */
  async writing<T>(work: (check: Permit) => Promise<T>): Promise<T> {
    this.check();
    try {
      return await work(this.check);
    } catch (error) {
      this.check();
      throw error;
    }
  }

  /** Gives the lock back, if it was taken and still stands in the folder. */
  release(): Promise<void> {
    return this.#lock.release();
  }
}

/** What happened to the folder, and what to do. */
const LOSSES = {
  removed: ["was removed or moved", "if it was moved, go on with --resume and its new place as --out"],
  taken: ["was taken over by another training", "give every training a folder of its own with --out"],
  missing: [
    `was removed or replaced, or its ${LOCK} was,`,
    "where it still holds the run, go on with --resume",
  ],
} as const;
