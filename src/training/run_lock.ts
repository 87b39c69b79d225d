// One process at a time in a run's folder: a file that names the process which trains there. A process that ended,
// even by a crash, holds nothing: its lock is taken over.

import { randomBytes } from "node:crypto";
import { type FileHandle, link, open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { makeFolder } from "../io/atomic.ts";
import { errorCode, explainSystemError } from "../io/errors.ts";
import { isAlive, processBegun } from "../io/process_identity.ts";
import { RunFolderError } from "./errors.ts";

/** The lock's name in a run's folder. */
export const LOCK = ".lock";
/** How often a lock is touched, and how long it counts without that where its process cannot be looked for. */
const TOUCH_MS = 20_000;
const FRESH_MS = 120_000;
/** How long a held lock is waited for, and how often it is looked at. */
const PATIENCE_MS = 5000;
const POLL_MS = 100;

const holderSchema = v.object({
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  host: v.string(),
  /** When the process began, where the system tells: numbers of processes are used again. */
  begun: v.nullable(v.string()),
  /** Different for every lock. */
  token: v.string(),
});
type Holder = v.InferOutput<typeof holderSchema>;

export class RunLock {
  readonly #run: string;
  readonly #path: string;
  readonly #token = randomBytes(6).toString("hex");
  #touching: NodeJS.Timeout | undefined;

  /** @param run the run's folder */
  constructor(run: string) {
    this.#run = run;
    this.#path = join(run, LOCK);
  }

  /**
   * Takes the lock; the folder is made where it is missing.
   * @param patience how long to wait for a process that holds it (milliseconds): one that was told to end may take a
   * moment
   * @throws RunFolderError when a process that is alive holds it, FileError when it cannot be written
   */
  async acquire(patience = PATIENCE_MS): Promise<void> {
    await makeFolder(this.#run);
    const deadline = Date.now() + patience;
    while (!(await this.#create())) {
      const holder = await this.#removeStale();
      if (holder === undefined) continue;
      if (Date.now() >= deadline) throw this.#refusal(holder);
      await sleep(POLL_MS);
    }
    this.#touching = setInterval(() => {
      const now = new Date();
      utimes(this.#path, now, now).catch(() => undefined);
    }, TOUCH_MS);
    this.#touching.unref();
  }

  /** Gives the lock back, if it was taken. */
  async release(): Promise<void> {
    if (this.#touching === undefined) return;
    clearInterval(this.#touching);
    this.#touching = undefined;
    const text = await readText(this.#path);
    if (text !== undefined && holderOf(text)?.token === this.#token) await rm(this.#path, { force: true });
  }

  /** False when there is a lock already. */
  async #create(): Promise<boolean> {
    const { pid } = process;
    const holder: Holder = { pid, host: hostname(), begun: processBegun(pid), token: this.#token };
    let file: FileHandle;
    try {
      file = await open(this.#path, "wx");
    } catch (error) {
      if (errorCode(error) === "EEXIST") return false;
      throw explainSystemError(error, "write the file", this.#path);
    }
    try {
      await file.writeFile(`${JSON.stringify(holder)}\n`);
      return true;
    } catch (error) {
      await rm(this.#path, { force: true });
      throw explainSystemError(error, "write the file", this.#path);
    } finally {
      await file.close();
    }
  }

  #refusal(holder: Holder | "unknown"): RunFolderError {
    const who = holder === "unknown" ? "" : ` (process ${holder.pid} on ${holder.host})`;
    return new RunFolderError(
      `${this.#run}: another process is training this run${who}; wait until it ends, or stop it`,
    );
  }

  /** Removes a lock that nobody holds any more, or tells who holds it. */
  async #removeStale(): Promise<Holder | "unknown" | undefined> {
    const text = await readText(this.#path);
    if (text === undefined) return undefined;
    const holder = holderOf(text);
    if (await this.#isHeld(holder)) return holder ?? "unknown";
    // Renamed before it is removed, so that of two who find it stale one cannot remove the other's new lock.
    const aside = join(this.#run, `.${LOCK}.${this.#token}.tmp`);
    try {
      await rename(this.#path, aside);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw explainSystemError(error, "take over the file", this.#path);
    }
    if ((await readText(aside)) !== text) await link(aside, this.#path).catch(() => undefined);
    await rm(aside, { force: true });
    return undefined;
  }

  async #isHeld(holder: Holder | undefined): Promise<boolean> {
    if (holder !== undefined && holder.host === hostname()) {
      const begun = processBegun(holder.pid);
      return isAlive(holder.pid) && (holder.begun === null || begun === null || holder.begun === begun);
    }
    // Of another machine, or not yet written out: only its age can tell.
    const touched = await stat(this.#path).catch(() => undefined);
    return touched !== undefined && Date.now() - touched.mtimeMs < (holder ? FRESH_MS : 1000);
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
async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw explainSystemError(error, "read the file", path);
  }
}
