// A worker that writes files in place for a page, which may not do it itself.

import { errorCode, PlatformError } from "../../errors.ts";
import { thread } from "../thread.ts";
import type {
  InPlaceRefusal,
  InPlaceReply,
  InPlaceRequest,
  InPlaceResult,
  InPlaceWork,
} from "./in_place_messages.ts";
import { refusalOf } from "./refusals.ts";
import { openSyncHandle, type SyncHandle, writeWhole } from "./sync_handles.ts";

interface OpenInPlace {
  readonly path: string;
  readonly handle: SyncHandle;
  /** Why a write failed. What was sent after it must not be written, or there would be a hole. */
  failure?: unknown;
}

thread.serve<null, InPlaceRequest, InPlaceReply>((_, post) => {
  const files = new Map<number, OpenInPlace>();
  /** Of each file: its work is done in order. */
  const order = new Map<number, Promise<void>>();
  const done = async (number: number, work: InPlaceWork): Promise<InPlaceResult> => {
    if (work.kind === "open") {
      files.set(number, { path: work.path, handle: await openSyncHandle(work.path) });
      return undefined;
    }
    const file = files.get(number);
    if (file === undefined) throw new PlatformError("EBADF", "the file is not open");
    if (work.kind === "close") {
      files.delete(number);
      order.delete(number);
    }
    return doWork(file, work);
  };
  return ({ id, file, work }) => {
    const before = order.get(file) ?? Promise.resolve();
    const now = before.then(async () => {
      try {
        const result = await done(file, work);
        post({ id, result }, result instanceof Uint8Array ? [result.buffer] : []);
      } catch (error) {
        post({ id, refused: refusedFor(refusalOf(error, files.get(file)?.path ?? "", "file")) });
      }
    });
    order.set(file, now);
  };
});

function refusedFor(error: unknown): InPlaceRefusal {
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: errorCode(error),
    message,
    advice: error instanceof PlatformError ? error.advice : undefined,
  };
}

function doWork(file: OpenInPlace, work: Exclude<InPlaceWork, { kind: "open" }>): InPlaceResult {
  const { handle, path } = file;
  switch (work.kind) {
    case "size":
      return handle.getSize();
    case "read": {
      const bytes = new Uint8Array(work.length);
      return bytes.subarray(0, handle.read(bytes, { at: work.position }));
    }
    case "write":
    case "truncate":
      if (file.failure !== undefined) throw file.failure;
      try {
        if (work.kind === "truncate") handle.truncate(work.size);
        else writeWhole(handle, work.bytes, work.position, path);
      } catch (error) {
        file.failure = error;
        throw error;
      }
      return undefined;
    case "flush":
      handle.flush();
      return undefined;
    case "close":
      handle.close();
      return undefined;
  }
}
