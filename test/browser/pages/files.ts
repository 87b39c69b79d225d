// A page whose file system is called, by itself or in a worker of its own.

import { files, paths, processes } from "#platform";
import { errorCode } from "../../../src/platform/errors.ts";
import type { FolderLock, SyncFile } from "../../../src/platform/platform.ts";

import * as own from "./files.ts";

const utf8 = new TextEncoder();
const text = (bytes: Uint8Array | ArrayBuffer) => new TextDecoder().decode(bytes);

/** What a call gave, or its error's code and message. */
async function outcome(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    return `${errorCode(error) ?? (error instanceof Error ? error.name : "")}: ${error instanceof Error ? error.message : error}`;
  }
}

export const exists = (path: string) => files.exists(path);
export const read = (path: string) => outcome(() => files.readText(path));
export const list = async (path: string) => (await files.list(path)).sort();
export const stat = (path: string) => outcome(() => files.stat(path));
export const write = (path: string, content: string) => outcome(() => files.writeFileAtomic(path, content));
export const rename = (from: string, to: string) => outcome(() => files.rename(from, to));
export const remove = (path: string) => outcome(() => files.remove(path));
export const removeAll = (path: string) => outcome(() => files.removeAll(path));
export const makeFolder = (path: string) => outcome(() => files.makeFolder(path));
export const removeFolder = (path: string) => outcome(() => files.removeFolder(path));
export const addName = (path: string, second: string, mayMove: boolean) =>
  outcome(() => files.addName(path, second, mayMove));
export const freeBytes = () => files.freeBytes("/");
export const open = (path: string) => outcome(async () => void (await files.open(path)));
export const repair = (folder: string) => outcome(() => files.repairFolder(folder));
export const replacementOf = (path: string) => files.replacementOf(path);
export const mark = () => processes.mark();
export const stateOf = (mark: string) => processes.stateOf(mark);

/** All files below a folder with their contents. */
export async function tree(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const walk = async (path: string): Promise<void> => {
    for (const { name, kind } of await files.entries(path)) {
      const inner = paths.join(path, name);
      if (kind === "folder") await walk(inner);
      else found[paths.inside(folder, inner)] = await files.readText(inner);
    }
  };
  await walk(folder);
  return found;
}

/** Writes a file piece by piece; fails after them if it is told to. */
export const writePieces = (path: string, pieces: string[], failure?: "full" | "mine") =>
  outcome(() =>
    files.writeFileAtomic(path, async (file) => {
      for (const piece of pieces) await file.write(utf8.encode(piece));
      if (failure === "full") throw new DOMException("no more space", "QuotaExceededError");
      if (failure === "mine") throw new RangeError("mine");
    }),
  );

/** Writes bytes that lie in shared memory. */
export const writeShared = (path: string, content: string) => {
  const bytes = utf8.encode(content);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return outcome(() => files.writeFileAtomic(path, shared));
};

/** Writes files. */
export async function lay(contents: Record<string, string>): Promise<void> {
  for (const [path, content] of Object.entries(contents)) await files.writeFileAtomic(path, content);
}

export const replaceDir = (path: string, contents: Record<string, string>, failure?: "full") =>
  outcome(() =>
    files.replaceDirAtomic(path, async (aside) => {
      for (const [name, content] of Object.entries(contents))
        await files.writeFileAtomic(paths.join(aside, name), content);
      if (failure === "full") throw new DOMException("no more space", "QuotaExceededError");
    }),
  );

let changes = 0;
/** From now on, the change of that number, and all after it, fail as if the page were closed. */
export function cutAt(allowed: number): void {
  changes = 0;
  const cut = (owner: object, name: string) => {
    const own: (...args: unknown[]) => unknown = Reflect.get(owner, name);
    Reflect.set(owner, name, function (this: unknown, ...args: unknown[]) {
      if (changes++ >= allowed) return Promise.reject(new Error("the page was closed"));
      return own.apply(this, args);
    });
  };
  for (const name of ["move", "createWritable"]) cut(FileSystemFileHandle.prototype, name);
  cut(FileSystemDirectoryHandle.prototype, "removeEntry");
}

/** How many changes were made or refused since. */
export const changesMade = () => changes;

let goOn = () => {};
/** Files are not moved over to folders until they may be. */
export function pauseMoves(): void {
  const own: (...args: unknown[]) => unknown = Reflect.get(FileSystemFileHandle.prototype, "move");
  const moving = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  Reflect.set(
    FileSystemFileHandle.prototype,
    "move",
    async function (this: FileSystemFileHandle, ...args: [{ name: string }]) {
      if (args[0].name === "run") await moving;
      return own.apply(this, args);
    },
  );
}
export const resumeMoves = () => goOn();

/** Takes away what not every browser has. */
export function withoutMove(): void {
  Reflect.deleteProperty(FileSystemFileHandle.prototype, "move");
}

/** The lines of a file. */
export async function lines(path: string): Promise<string[]> {
  const found: string[] = [];
  for await (const line of files.lines(path)) found.push(line);
  return found;
}

/** Reads a file in all ways. */
export async function readAllWays(path: string): Promise<unknown> {
  const file = await files.open(path);
  const bytes = new Uint8Array(4);
  const pieces: string[] = [];
  for await (const piece of file.pieces()) pieces.push(text(piece));
  const found = {
    size: await file.size(),
    range: text(await file.read(2, 3)),
    into: [await file.readInto(bytes, 1), text(bytes), await file.readInto(bytes, 100)],
    all: text(await file.readAll()),
    pieces: pieces.join(""),
    long: await outcome(() => file.read(0, 100)),
    sent: await (await fetchable(path)).text(),
  };
  await file.close();
  return found;
}

async function fetchable(path: string): Promise<Response> {
  const content = await files.contentToSend(path);
  return content instanceof Blob ? new Response(content) : fetch(content);
}

/** Appends, reads, cuts off and appends again, in one open file. */
export const appendAndCut = (path: string, makesFolders: boolean) =>
  outcome(async () => {
    const file = await files.openToAppend(path, makesFolders);
    await Promise.all([file.write("one "), file.write(utf8.encode("two "))]);
    const before = text(await file.readAll());
    await file.truncate(4);
    await file.write("three");
    await file.sync();
    const found = [before, await file.size(), text(await file.read(2, 5))];
    await file.close();
    return found;
  });

/** Appends so many bytes in pieces. @returns the size then */
export async function appendMuch(path: string, pieces: number, bytes: number): Promise<number> {
  const file = await files.openToAppend(path, true);
  for (let i = 0; i < pieces; i++) await file.write(new Uint8Array(bytes).fill(i));
  const size = await file.size();
  await file.close();
  return size;
}

/** Two at once. */
export const appendTwice = (path: string) =>
  outcome(async () => {
    const file = await files.openToAppend(path);
    try {
      await (await files.openToAppend(path)).close();
    } finally {
      await file.close();
    }
  });

let sync: SyncFile | undefined;
export const openSync = (path: string, mode: "r" | "r+") =>
  outcome(async () => {
    sync = await files.openSync(path, mode);
  });
/** Writes at once, without waiting. */
export const writeSync = (content: string, position: number) =>
  outcome(async () => sync?.write(utf8.encode(content), position));
export const truncateSync = (size: number) => outcome(async () => sync?.truncate(size));
export const readSync = (position: number, length: number) =>
  outcome(async () => {
    const bytes = new Uint8Array(length);
    return text(bytes.subarray(0, sync?.read(bytes, position)));
  });
export const settleSync = () => outcome(async () => sync?.sync());
export const closeSync = () => outcome(async () => sync?.close());
/** Many small writes, one after the other, as a run makes them. @returns milliseconds that they took */
export async function logSteps(path: string, count: number): Promise<number> {
  await files.writeFileAtomic(path, "");
  const file = await files.openSync(path, "r+");
  const begun = performance.now();
  for (let i = 0, at = 0; i < count; i++) at += file.write(utf8.encode(`${i}\n`), at);
  const took = performance.now() - begun;
  await file.sync();
  await file.close();
  return took;
}

/** Has the page's worker for files fail as on a full disk. */
export function fillDisk(): void {
  const own = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (
    message: { work?: { kind: string }; id?: number },
    ...rest: never[]
  ) {
    if (message.work?.kind === "write") {
      const refused = { code: "ENOSPC", message: "ENOSPC: full", advice: "full" };
      setTimeout(() =>
        this.onmessage?.call(this, new MessageEvent("message", { data: { id: message.id, refused } })),
      );
    } else own.call(this, message, ...rest);
  };
}

const locks = new Map<string, FolderLock>();
/** Takes a lock, which is then known by that name. */
export const lock = (name: string, folder: string, patience: number) =>
  outcome(async () => {
    const taken = files.lockOf(folder, ".lock", { patience });
    locks.set(name, taken);
    return (await taken.acquire()) ?? null;
  });
export const unlock = (name: string) => outcome(async () => locks.get(name)?.release());
/** What is known of a lock after it was looked. */
export const loss = (name: string) =>
  outcome(async () => {
    locks.get(name)?.loss();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return locks.get(name)?.loss() ?? null;
  });
export const steal = (name: string) =>
  outcome(async () => void (await navigator.locks.request(name, { steal: true }, () => {})));

/** As where a page's policy forbids workers from blobs. */
export function withoutWorkers(): void {
  class Refused extends Worker {
    override postMessage(): void {
      setTimeout(() => this.dispatchEvent(new Event("error")));
    }
  }
  Reflect.set(globalThis, "Worker", Refused);
}

/** As where the browser gives a page no files. */
export function withoutFiles(): void {
  StorageManager.prototype.getDirectory = () =>
    Promise.reject(new DOMException("Security error when calling GetDirectory", "SecurityError"));
}

let worker: Worker | undefined;
/** Calls a function of this module in a worker. */
export async function inWorker(name: string, ...args: unknown[]): Promise<unknown> {
  worker ??= new Worker(new URL("/page.js", location.href), { type: "module" });
  const answer = new Promise((resolve, reject) => {
    if (worker === undefined) return;
    worker.onmessage = ({ data }) =>
      data.error === undefined ? resolve(data.result) : reject(new Error(data.error));
    worker.onerror = (event) => reject(new Error(event.message));
  });
  worker.postMessage([name, args]);
  return answer;
}
export const endWorker = () => {
  worker?.terminate();
  worker = undefined;
};

// In a worker, this same module does what it is asked.
if (typeof document === "undefined") {
  globalThis.onmessage = async ({ data: [name, args] }: MessageEvent<[string, unknown[]]>) => {
    try {
      globalThis.postMessage({ result: await Reflect.get(own, name)(...args) });
    } catch (error) {
      globalThis.postMessage({ error: String(error) });
    }
  };
}
