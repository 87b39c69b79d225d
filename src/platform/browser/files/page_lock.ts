// One page at a time in a folder, by a lock of the browser. It ends with its page, however that ends.

import { explainSystemError } from "../../errors.ts";
import type { FolderLock, LockTiming } from "../../platform.ts";
import { paths } from "../paths.ts";
import { find, storedFolder } from "./tree.ts";

/** As long as a page that is closed may take to end. */
const PATIENCE_MS = 5000;
/** How often the folder is looked for (milliseconds). */
const LOOK_MS = 500;

export class PageLock implements FolderLock {
  readonly #folder: string;
  readonly #name: string;
  readonly #patience: number;
  /** Gives the lock back; undefined where it is not held. */
  #release: (() => void) | undefined;
  #released: Promise<unknown> = Promise.resolve();
  #lookedAt = 0;
  #isRemoved = false;

  constructor(folder: string, file: string, timing: Partial<LockTiming> = {}) {
    this.#folder = folder;
    this.#name = `imago:lock:${paths.resolve(folder, file)}`;
    this.#patience = timing.patience ?? PATIENCE_MS;
  }

  async acquire(onWatch?: () => void): Promise<{ readonly holder: string | undefined } | undefined> {
    try {
      await storedFolder(this.#folder, true);
    } catch (error) {
      throw explainSystemError(error, "write the file", this.#folder);
    }
    if (await this.#take({ ifAvailable: true })) return undefined;
    onWatch?.();
    if (await this.#take({ signal: AbortSignal.timeout(this.#patience) })) return undefined;
    return { holder: "in another page or worker of this site" };
  }

  loss(): "removed" | "taken" | "missing" | undefined {
    if (this.#release === undefined) return "missing";
    const now = performance.now();
    if (now - this.#lookedAt > LOOK_MS) {
      this.#lookedAt = now;
      // The answer is there at the next call.
      void find(this.#folder).then(
        (found) => {
          this.#isRemoved = found === undefined;
        },
        () => undefined,
      );
    }
    return this.#isRemoved ? "removed" : undefined;
  }

  async release(): Promise<void> {
    this.#release?.();
    this.#release = undefined;
    await this.#released;
  }

  /** @returns whether the lock is held now */
  #take(options: LockOptions): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const held = navigator.locks.request(this.#name, options, (lock) => {
        resolve(lock !== null);
        if (lock === null) return undefined;
        // Held until this is resolved.
        return new Promise<void>((release) => {
          this.#release = release;
        });
      });
      held.catch((error: unknown) => {
        if (error instanceof DOMException && error.name === "TimeoutError") resolve(false);
        else reject(error);
      });
      this.#released = held.catch(() => undefined);
    });
  }
}
