// Files at web addresses.

import { files, machine } from "#platform";
import { FileError, firstLine } from "../platform/errors.ts";

/** Longest time without a byte (milliseconds). */
const STALL_MS = 60_000;

/** Whether a source is a web address. */
export const isUrl = (source: string): boolean => /^https?:\/\//i.test(source);

export interface FetchFileOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes arrive, with how many have, and how many will if the server says so. */
  readonly onBytes?: (bytes: number, total: number | undefined) => void;
  /** Longer answers are refused (bytes). */
  readonly maxBytes: number;
}

/**
 * Downloads a file.
 * @param path where it is written; folders that are missing are made
 * @returns false if the server has no such file
 * @throws FileError, in one line, if the server cannot be reached, refuses, or answers with a page or too many bytes; the
 *   signal's reason
 */
export async function fetchFile(url: URL, path: string, options: FetchFileOptions): Promise<boolean> {
  const { signal, onBytes, maxBytes } = options;
  const stalled = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stalled.abort(new Error("nothing arrived for a minute")), STALL_MS);
  };
  alive();
  try {
    const answer = await fetch(url, {
      signal: signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal,
    });
    if (answer.status === 404) return false;
    if (!answer.ok)
      throw new FileError(url.href, `the server answered ${answer.status} (${answer.statusText})`);
    // Sites of one page answer with it, whatever is asked for.
    if (/^text\/html\b/i.test(answer.headers.get("content-type") ?? "")) return false;
    let bytes = 0;
    const length = Number(answer.headers.get("content-length") ?? Number.NaN);
    // Of a compressed answer it is not that of the file.
    const total = Number.isFinite(length) && !answer.headers.has("content-encoding") ? length : undefined;
    await files.writeFileAtomic(path, async (file) => {
      for await (const piece of answer.body ?? []) {
        alive();
        bytes += piece.length;
        if (bytes > maxBytes)
          throw new FileError(url.href, `the file has more than ${maxBytes} bytes, which is refused`);
        await file.write(piece);
        onBytes?.(bytes, total);
      }
    });
    return true;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof FileError) throw error;
    throw unreachable(url, stalled.signal.aborted ? stalled.signal.reason : error);
  } finally {
    clearTimeout(timer);
  }
}

function unreachable(url: URL, error: unknown): FileError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const cors = machine.hasOrigin
    ? ", and whether its server lets other pages read (Access-Control-Allow-Origin)"
    : "";
  return new FileError(url.href, `cannot be fetched (${firstLine(cause)}); check the address${cors}`, {
    cause: error,
  });
}
