// A lock allows one process at a time in a run's folder. Its holder writes through it (`check`, `writing`), so nothing
// is written into a folder that was removed, moved or taken over.

import { files } from "#platform";
import type { FolderLock, LockTiming, Permit } from "../../platform/platform.ts";
import { RunFolderError } from "../errors.ts";

/** The lock's name in a run's folder. */
export const LOCK = ".lock";

/** The right to write into a run's folder while the lock is held. */
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
   * Takes the lock; creates the folder if it is missing.
   * @param onWatch called once if it takes a while to see whether another process holds it
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
   * Call before every write into the run's folder; takes microseconds.
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
   * Runs work that writes into the run's folder and calls `check` again before irreversible changes.
   * @throws RunFolderError as `check` does, before the work and in place of errors that follow from the loss
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

  /** Releases the lock, if it was taken and is still in the folder. */
  release(): Promise<void> {
    return this.#lock.release();
  }
}

/** Descriptions of lost folders, with advice. */
const LOSSES = {
  removed: ["was removed or moved", "if it was moved, go on with --resume and its new place as --out"],
  taken: ["was taken over by another training", "give every training a folder of its own with --out"],
  missing: [
    `was removed or replaced, or its ${LOCK} was,`,
    "where it still holds the run, go on with --resume",
  ],
} as const;
