// One process at a time in a folder: a file that names the process which works there and is touched every few seconds.
// A process that ended, even by a crash, holds nothing: its lock is taken over. Where the process cannot be looked for,
// since it is on another machine or in another container, its lock is watched instead.
//
// Whoever holds it can ask (`loss`) whether the folder was removed, moved or taken over since.

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
/** How long a lock may be empty while it is made. */
const MAKING_MS = 1000;
const POLL_MS = 100;

const holderSchema = v.object({
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  host: v.string(),
  space: v.nullable(v.string()),
  begun: v.nullable(v.string()),
  /** Different for every lock. */
  token: v.string(),
});
type Holder = v.InferOutput<typeof holderSchema>;

export class FileLock implements FolderLock {
  readonly #folder: string;
  readonly #path: string;
  readonly #timing: LockTiming;
  readonly #token = randomBytes(6).toString("hex");
  readonly #text: string;
  /** The lock's file, open as long as it is held: it stays the same wherever it is moved. */
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
        // The next one may do.
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

  /** False when there is a lock already. */
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

  /** Of the file that was made, wherever it is now: another's lock that took its place is left alone. */
  #touch(): void {
    const now = new Date();
    if (this.#file !== undefined) futimesSync(this.#file, now, now);
  }

  /** Whether the lock in the folder is the file that was made. */
  #isOurs(): boolean {
    if (this.#file === undefined) return false;
    try {
      const bigint = true;
      const mine = fstatSync(this.#file, { bigint });
      const there = statSync(this.#path, { bigint });
      if (mine.ino !== 0n && mine.ino === there.ino && mine.dev === there.dev) return true;
      // Some file systems have no lasting numbers of files: then it is the same if it is touched with the other.
      this.#touch();
      const touched = fstatSync(this.#file, { bigint }).mtimeNs;
      return touched === statSync(this.#path, { bigint }).mtimeNs && this.#text === readText(this.#path);
    } catch (error) {
      if (isMissing(error) || errorCode(error) === "ESTALE") return false;
      throw explainSystemError(error, "read the file", this.#path);
    }
  }

  /** Removes a lock that nobody holds any more. */
  #remove({ text }: Lock): void {
    // Renamed before it is removed, so that of two who find it stale one cannot remove the other's new lock.
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

/** Where that cannot be, or there is a newer lock by now, whoever made this one is told so by `loss`. */
function putBack(aside: string, path: string): void {
  try {
    linkSync(aside, path);
  } catch {
    // As said.
  }
}

/** A lock as it was found. */
interface Lock {
  readonly text: string;
  /** Undefined in one that is not yet written, or damaged. */
  readonly holder: Holder | undefined;
  /** When it was touched, by the holder's clock (milliseconds). */
  readonly touched: number;
}

const heldBy = ({ holder }: Lock) => ({
  holder: holder && `process ${holder.pid} on ${holder.host}`,
});

/** Undefined when there is none. */
function readLock(path: string): Lock | undefined {
  const text = readText(path);
  const touched = text === undefined ? undefined : statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (text === undefined || touched === undefined) return undefined;
  return { text, holder: holderOf(text), touched };
}

/** Looks at a lock again and again until it is known whether somebody holds it. */
class LockWatch {
  readonly #timing: LockTiming;
  #last: Lock | undefined;
  #isTouched = false;
  #freeAt = 0;

  constructor(timing: LockTiming) {
    this.#timing = timing;
  }

  /** @returns `watched` as long as it is not known */
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

  /** How long a lock is watched. Clocks of two machines may differ, so its age alone says little. */
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

/** Undefined when there is no such file. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw explainSystemError(error, "read the file", path);
  }
}
