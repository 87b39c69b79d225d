// Lets one process at a time work in a folder: a file names the process and is touched every few seconds. A process
// that ended, even by a crash, holds nothing: its lock is taken over. If the process cannot be checked, because it is
// on another machine or in another container, its lock is watched instead.
//
// The holder can ask (`loss`) whether the folder was removed, moved or taken over since.

import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  futimesSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { errorCode, explainSystemError, isMissing } from "../errors.ts";
import type { FolderLock, LockTiming } from "../platform.ts";
import { makeFolder } from "./atomic.ts";
import { processState, thisProcess } from "./process_identity.ts";

const TIMING: LockTiming = { patience: 5000, touch: 5000, fresh: 60_000 };
/** How long a lock may be empty while it is being written. */
const MAKING_MS = 1000;
const POLL_MS = 100;

const holderSchema = v.object({
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  host: v.string(),
  space: v.nullable(v.string()),
  begun: v.nullable(v.string()),
  /** Unique for every lock. */
  token: v.string(),
});
type Holder = v.InferOutput<typeof holderSchema>;

export class FileLock implements FolderLock {
  readonly #folder: string;
  readonly #path: string;
  readonly #timing: LockTiming;
  readonly #token = randomBytes(6).toString("hex");
  readonly #text: string;
  /** The lock's file, kept open so that it can be recognised wherever it is moved. */
  #file: number | undefined;
  #touching: NodeJS.Timeout | undefined;

  /** @param file the lock's name in the folder */
  constructor(folder: string, file: string, timing: Partial<LockTiming> = {}) {
    this.#folder = folder;
    this.#path = join(folder, file);
    this.#timing = { ...TIMING, ...timing };
    const holder: Holder = { ...thisProcess(), host: hostname(), token: this.#token };
    this.#text = `${JSON.stringify(holder)}\n`;
  }

  async acquire(onWatch?: () => void): Promise<{ readonly holder: string | undefined } | undefined> {
    await makeFolder(this.#folder);
    const begun = performance.now();
    const watch = new LockWatch(this.#timing);
    let isTold = false;
    while (!this.#create()) {
      const lock = readLock(this.#path);
      if (lock === undefined) continue;
      const state = watch.look(lock);
      if (state === "free") {
        this.#remove(lock);
        continue;
      }
      if (state === "held" && performance.now() - begun >= this.#timing.patience) return heldBy(lock);
      if (state === "watched" && !isTold) {
        isTold = true;
        onWatch?.();
      }
      await sleep(Math.min(POLL_MS, this.#timing.touch));
    }
    this.#touching = setInterval(() => {
      try {
        this.#touch();
      } catch {
        // The next touch may succeed.
      }
    }, this.#timing.touch);
    this.#touching.unref();
    return undefined;
  }

  loss(): "removed" | "taken" | "missing" | undefined {
    if (this.#isOurs()) return undefined;
    if (!existsSync(this.#folder)) return "removed";
    return existsSync(this.#path) ? "taken" : "missing";
  }

  async release(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    clearInterval(this.#touching);
    try {
      if (this.#isOurs()) rmSync(this.#path, { force: true });
    } finally {
      this.#file = undefined;
      closeSync(file);
    }
  }

  /** Returns false if there is a lock already. */
  #create(): boolean {
    let file: number;
    try {
      file = openSync(this.#path, "wx");
    } catch (error) {
      if (errorCode(error) === "EEXIST") return false;
      throw explainSystemError(error, "write the file", this.#path);
    }
    try {
      writeSync(file, this.#text);
    } catch (error) {
      closeSync(file);
      rmSync(this.#path, { force: true });
      throw explainSystemError(error, "write the file", this.#path);
    }
    this.#file = file;
    return true;
  }

  /** Touches the file that this process created, wherever it is now, and never another process's lock in its place. */
  #touch(): void {
    const now = new Date();
    if (this.#file !== undefined) futimesSync(this.#file, now, now);
  }

  /** Whether the lock in the folder is the file that this process created. */
  #isOurs(): boolean {
    if (this.#file === undefined) return false;
    try {
      const bigint = true;
      const mine = fstatSync(this.#file, { bigint });
      const there = statSync(this.#path, { bigint });
      if (mine.ino !== 0n && mine.ino === there.ino && mine.dev === there.dev) return true;
      // Some file systems have no stable inode numbers: there, the files are the same if touching one touches the
      // other.
      this.#touch();
      const touched = fstatSync(this.#file, { bigint }).mtimeNs;
      return touched === statSync(this.#path, { bigint }).mtimeNs && this.#text === readText(this.#path);
    } catch (error) {
      if (isMissing(error) || errorCode(error) === "ESTALE") return false;
      throw explainSystemError(error, "read the file", this.#path);
    }
  }

  /** Removes a stale lock. */
  #remove({ text }: Lock): void {
    // Rename first: of two processes that find it stale, one must not remove the new lock of the other.
    const aside = join(this.#folder, `.${basename(this.#path)}.${this.#token}.tmp`);
    if (readText(this.#path) !== text) return;
    try {
      renameSync(this.#path, aside);
    } catch (error) {
      if (isMissing(error)) return;
      throw explainSystemError(error, "take over the file", this.#path);
    }
    if (readText(aside) !== text) putBack(aside, this.#path);
    rmSync(aside, { force: true });
  }
}

/** If this fails, or there is a newer lock by now, `loss` tells the owner. */
function putBack(aside: string, path: string): void {
  try {
    linkSync(aside, path);
  } catch {
    // See above.
  }
}

/** The state of a lock when it was read. */
interface Lock {
  readonly text: string;
  /** Undefined if the lock is not yet written, or damaged. */
  readonly holder: Holder | undefined;
  /** When it was last touched, by the holder's clock (milliseconds). */
  readonly touched: number;
}

const heldBy = ({ holder }: Lock) => ({
  holder: holder && `process ${holder.pid} on ${holder.host}`,
});

/** Undefined if there is no lock. */
function readLock(path: string): Lock | undefined {
  const text = readText(path);
  const touched = text === undefined ? undefined : statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (text === undefined || touched === undefined) return undefined;
  return { text, holder: holderOf(text), touched };
}

/** Polls a lock until it is known whether a process holds it. */
class LockWatch {
  readonly #timing: LockTiming;
  #last: Lock | undefined;
  #isTouched = false;
  #freeAt = 0;

  constructor(timing: LockTiming) {
    this.#timing = timing;
  }

  /** @returns `watched` while that is not known */
  look(lock: Lock): "free" | "held" | "watched" {
    const { holder } = lock;
    const state =
      holder &&
      processState({
        ...holder,
        isBegun: (begun) => holder.begun === null || holder.begun === begun,
      });
    if (state === "alive") return "held";
    if (state === "gone") return "free";
    const now = performance.now();
    if (lock.text !== this.#last?.text || lock.touched !== this.#last.touched) {
      this.#isTouched = lock.text !== "" && lock.text === this.#last?.text;
      this.#freeAt = now + this.#stands(lock);
      this.#last = lock;
    }
    if (now >= this.#freeAt) return "free";
    return this.#isTouched ? "held" : "watched";
  }

  /** How long to watch a lock. The clocks of two machines may differ, so its age alone is not reliable. */
  #stands({ holder, touched }: Lock): number {
    const age = Math.max(0, Date.now() - touched);
    const { touch, fresh } = this.#timing;
    return holder === undefined ? MAKING_MS - age : Math.max(fresh - age, Math.min(fresh, 3 * touch));
  }
}

function holderOf(text: string): Holder | undefined {
  try {
    const result = v.safeParse(holderSchema, JSON.parse(text));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined if there is no such file. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw explainSystemError(error, "read the file", path);
  }
}
