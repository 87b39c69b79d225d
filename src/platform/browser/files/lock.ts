// Lets one page or worker at a time work in a folder, by the browser's locks, which end with their page. A file in the
// folder says who holds the lock, and whether the folder is still the one that was locked.

import * as v from "valibot";
import { isMissing, PlatformError } from "../../errors.ts";
import type { FolderLock, LockTiming } from "../../platform.ts";
import { paths } from "../paths.ts";
import { randomName } from "./leftovers.ts";
import { refusalOf } from "./refusals.ts";
import { fileAt, find } from "./tree.ts";
import { makeFolder, removeFile, writeFileAtomic } from "./writing.ts";

/** How long to wait for a page that is about to end (milliseconds). */
const PATIENCE_MS = 5000;
/** A longer file says nothing of a holder (bytes). */
const MAX_BYTES = 4096;

const holderSchema = v.object({
  /** Who, in words. */
  who: v.pipe(v.string(), v.maxLength(500)),
  /** Unique for every lock. */
  token: v.string(),
});
type Holder = v.InferOutput<typeof holderSchema>;
type Loss = "removed" | "taken" | "missing";

export class PageLock implements FolderLock {
  readonly #folder: string;
  readonly #path: string;
  readonly #patience: number;
  readonly #token = randomName();
  /** Gives the browser's lock back. */
  #release: (() => void) | undefined;
  /** As far as is known. */
  #loss: Loss | undefined = "missing";
  #problem: unknown;
  #isLooking = false;

  /** @param file the lock's name in the folder */
  constructor(folder: string, file: string, { patience = PATIENCE_MS }: Partial<LockTiming> = {}) {
    this.#folder = paths.resolve(folder);
    this.#path = paths.join(this.#folder, file);
    this.#patience = patience;
  }

  async acquire(): Promise<{ readonly holder: string | undefined } | undefined> {
    await makeFolder(this.#folder);
    const release = await take(`imago: lock ${this.#path}`, this.#patience, () => {
      this.#loss = "taken";
    });
    if (release === undefined) {
      const holder = await readHolder(this.#path);
      return { holder: holder === "missing" ? undefined : holder?.who };
    }
    try {
      const holder: Holder = { who: describeThis(), token: this.#token };
      await writeFileAtomic(this.#path, `${JSON.stringify(holder)}\n`);
    } catch (error) {
      release();
      throw error;
    }
    this.#release = release;
    this.#loss = undefined;
    return undefined;
  }

  /** What was known when it was last looked; it is looked again for the next call. */
  loss(): Loss | undefined {
    if (this.#release !== undefined && this.#loss === undefined && !this.#isLooking) void this.#lookAgain();
    if (this.#problem !== undefined) throw this.#problem;
    return this.#loss;
  }

  async release(): Promise<void> {
    const release = this.#release;
    if (release === undefined) return;
    this.#release = undefined;
    try {
      if ((await this.#look()) === undefined) await removeFile(this.#path);
    } finally {
      this.#loss = "missing";
      release();
    }
  }

  async #lookAgain(): Promise<void> {
    this.#isLooking = true;
    try {
      const found = await this.#look();
      // It may have been taken by force meanwhile.
      this.#loss ??= found;
      this.#problem = undefined;
    } catch (error) {
      this.#problem = error;
    } finally {
      this.#isLooking = false;
    }
  }

  async #look(): Promise<Loss | undefined> {
    if (this.#loss === "taken") return this.#loss;
    const holder = await readHolder(this.#path);
    if (holder === "missing") return (await find(this.#folder)) === undefined ? "removed" : "missing";
    return holder?.token === this.#token ? undefined : "taken";
  }
}

/**
 * Takes one of the browser's locks.
 * @param onLost called if somebody takes it by force
 * @returns what gives it back; undefined if another page has it and does not end
 */
function take(name: string, patience: number, onLost: () => void): Promise<(() => void) | undefined> {
  if (navigator.locks === undefined)
    throw new PlatformError("ENOSYS", "this page may lock nothing; open it over https or from localhost");
  return new Promise((resolve, reject) => {
    let isHeld = false;
    const options = patience > 0 ? { signal: AbortSignal.timeout(patience) } : { ifAvailable: true };
    const held = (lock: Lock | null): Promise<void> | undefined => {
      if (lock === null) {
        resolve(undefined);
        return undefined;
      }
      isHeld = true;
      return new Promise((release) => resolve(release));
    };
    navigator.locks.request(name, options, held).catch((error: unknown) => {
      const isLate = error instanceof Error && ["TimeoutError", "AbortError"].includes(error.name);
      if (isHeld) onLost();
      else if (isLate) resolve(undefined);
      else reject(error);
    });
  });
}

/** Undefined if the file says nothing of a holder. */
async function readHolder(path: string): Promise<Holder | undefined | "missing"> {
  let text: string;
  try {
    const file = await (await fileAt(path)).getFile();
    if (file.size > MAX_BYTES) return undefined;
    text = await file.text();
  } catch (error) {
    if (isMissing(refusalOf(error, path, "file"))) return "missing";
    throw refusalOf(error, path, "file");
  }
  try {
    const holder = v.safeParse(holderSchema, JSON.parse(text));
    return holder.success ? holder.output : undefined;
  } catch {
    return undefined;
  }
}

/** This page or worker, in words. */
function describeThis(): string {
  const since = `since ${new Date().toLocaleTimeString()}`;
  if (typeof document === "undefined") return `a worker of ${location.origin}, ${since}`;
  return `the page ${JSON.stringify(document.title.slice(0, 100))} at ${`${location.origin}${location.pathname}`.slice(0, 200)}, ${since}`;
}
