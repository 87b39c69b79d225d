// Files that are written in place: by this thread where it is a worker, for a page by a worker of its own.

import { PlatformError } from "../../errors.ts";
import type { ThreadHandle } from "../../platform.ts";
import { threads } from "../threads.ts";
import { unshared } from "./bytes.ts";
import type {
  InPlaceRefusal,
  InPlaceReply,
  InPlaceRequest,
  InPlaceResult,
  InPlaceWork,
} from "./in_place_messages.ts";
import { inPlaceModule } from "./in_place_module.ts";
import { refusalOf } from "./refusals.ts";
import { givesSyncHandles, openSyncHandle, writeWhole } from "./sync_handles.ts";

/** What is asked of a file is done in order, also before the answer to the last was awaited. */
export interface InPlaceFile {
  size(): Promise<number>;
  /** @returns how many bytes there were */
  read(bytes: Uint8Array, position: number): Promise<number>;
  /** The bytes may be changed as soon as this returns. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Settles when everything is on the disk. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Opens an existing file. @throws PlatformError, EBUSY where somebody else has it */
export const openInPlace = (path: string): Promise<InPlaceFile> =>
  givesSyncHandles() ? openHere(path) : openThere(path);

async function openHere(path: string): Promise<InPlaceFile> {
  const handle = await openSyncHandle(path);
  const explained = async <T>(work: () => T): Promise<T> => {
    try {
      return work();
    } catch (error) {
      throw refusalOf(error, path, "file");
    }
  };
  return {
    size: () => explained(() => handle.getSize()),
    read: (bytes, position) => explained(() => handle.read(bytes, { at: position })),
    write: (bytes, position) => explained(() => writeWhole(handle, bytes, position, path)),
    truncate: (size) => explained(() => handle.truncate(size)),
    flush: () => explained(() => handle.flush()),
    close: async () => handle.close(),
  };
}

/** Most bytes of a message. */
const PIECE_BYTES = 2 ** 24;
let opened = 0;

async function openThere(path: string): Promise<InPlaceFile> {
  const number = opened++;
  const thread = worker();
  const ask = (work: InPlaceWork) => thread.ask(number, work);
  await ask({ kind: "open", path });
  return {
    async size() {
      const size = await ask({ kind: "size" });
      return typeof size === "number" ? size : 0;
    },
    async read(bytes, position) {
      for (let done = 0; done < bytes.length; ) {
        const length = Math.min(PIECE_BYTES, bytes.length - done);
        const part = await ask({ kind: "read", position: position + done, length });
        if (!(part instanceof Uint8Array) || part.length === 0) return done;
        bytes.set(part, done);
        done += part.length;
      }
      return bytes.length;
    },
    async write(bytes, position) {
      const sent = [];
      let at = position;
      for (const part of unshared(bytes)) {
        for (let from = 0; from < part.length; from += PIECE_BYTES) {
          const copy = part.slice(from, from + PIECE_BYTES);
          sent.push(ask({ kind: "write", position: at, bytes: copy }));
          at += copy.length;
        }
      }
      await Promise.all(sent);
    },
    truncate: async (size) => void (await ask({ kind: "truncate", size })),
    flush: async () => void (await ask({ kind: "flush" })),
    close: async () => void (await ask({ kind: "close" })),
  };
}

/** The page's worker, which ends with it. */
let theWorker: FileWorker | undefined;
const worker = (): FileWorker => {
  if (theWorker === undefined || theWorker.hasEnded) theWorker = new FileWorker();
  return theWorker;
};

interface Waiting {
  resolve(result: InPlaceResult): void;
  reject(error: Error): void;
}

class FileWorker {
  readonly #waiting = new Map<number, Waiting>();
  readonly #thread: ThreadHandle<InPlaceRequest>;
  #asked = 0;
  /** Why it ended. */
  #end: Error | undefined;

  constructor() {
    this.#thread = threads.start<null, InPlaceRequest, InPlaceReply>(inPlaceModule, null, {
      onMessage: (reply) => this.#take(reply),
      onError: (message) => this.#stop(message),
      onExit: () => this.#stop("it ended"),
    });
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  ask(file: number, work: InPlaceWork): Promise<InPlaceResult> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const id = this.#asked++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#thread.post({ id, file, work }, work.kind === "write" ? [work.bytes.buffer] : []);
    });
  }

  #take(reply: InPlaceReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("result" in reply) waiting?.resolve(reply.result);
    else waiting?.reject(errorOf(reply.refused));
  }

  #stop(message: string): void {
    const advice = `the worker that writes the page's files stopped: ${message}`;
    const error = new PlatformError("EIO", advice, { advice });
    this.#end = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function errorOf({ code, message, advice }: InPlaceRefusal): Error {
  if (code === undefined) return new Error(message);
  const what = message.replace(`${code}: `, "");
  return new PlatformError(code, what, advice === undefined ? {} : { advice });
}
