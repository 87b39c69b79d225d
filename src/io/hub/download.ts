// Downloads one file from the Hub: resumes after interruptions, and verifies the checksum before naming the file.

import { files, hashing, paths, processes } from "#platform";
import { errorCode, explainSystemError, isMissing } from "../../platform/errors.ts";
import type { AppendFile, OpenFile } from "../../platform/platform.ts";
import { isAbandoned } from "../abandoned.ts";
import type { HubFile } from "./client.ts";
import { HubError, kindOfAnswer, type Subject, strange, unreachable } from "./errors.ts";
import { isNetworkError, piecesOf, RefusedAnswer, refusalOf, requestHeaders, retrying } from "./http.ts";
import type { HubSettings } from "./settings.ts";

const { basename, dirname, join } = paths;

/** Attempts without a single new byte before giving up. */
const TRIES = 5;
/** Longest time without a byte (milliseconds). */
const STALL_MS = 60_000;
/** Smaller files (bytes) are not resumed: looking for their parts would take longer. */
export const RESUMED_BYTES = 2 ** 20;
/** Bytes hashed at a time. */
const HASH_CHUNK = 2 ** 20;

export interface Download {
  readonly settings: HubSettings;
  readonly subject: Subject;
  readonly url: URL;
  readonly file: HubFile;
  /** The path to write to. */
  readonly target: string;
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of new bytes; negative if some were discarded. */
  readonly onBytes: (count: number) => void;
}

/**
 * Downloads a file, resuming if the connection breaks.
 * @throws HubError for problems of the network or the content, FileError when the disk is full, ...
 */
export async function download(work: Download): Promise<void> {
  const { file, target } = work;
  const part = `${target}.${await processes.mark()}.incomplete`;
  try {
    if (file.size >= RESUMED_BYTES) await adoptPart(target, part);
    const handle = await files.openToAppend(part, true);
    try {
      const resumed = await receive(work, handle);
      let isWhole = await matches(handle, file);
      if (!isWhole && resumed) {
        // The bytes from before may be damaged: download once more from the start.
        await startOver(work, handle);
        await receive(work, handle);
        isWhole = await matches(handle, file);
      }
      if (!isWhole) throw damaged(work);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await files.rename(part, target);
  } catch (error) {
    const isDamaged = error instanceof HubError && error.reason === "checksum";
    if (isDamaged || file.size < RESUMED_BYTES) await files.remove(part);
    throw explainSystemError(error, "write the file", target);
  }
}

/**
 * Downloads the missing bytes of the file.
 * @returns whether part of it was there before
 */
async function receive(work: Download, handle: AppendFile): Promise<boolean> {
  const { file, settings, subject, signal, onBytes } = work;
  let have = await handle.size();
  if (have > file.size) {
    await handle.truncate(0);
    have = 0;
  }
  const resumed = have > 0;
  onBytes(have);
  for (let attempt = 1; have < file.size; attempt++) {
    const before = have;
    try {
      have = await retrying(settings, TRIES, subject, signal, () => receiveOnce(work, handle, have));
    } catch (error) {
      if (!(error instanceof CutOff)) throw error;
      have = error.have;
      if (have > before) attempt = 0;
      else if (attempt >= TRIES) throw unreachable(error.cause, subject, settings);
    }
  }
  return resumed;
}

/** The connection broke in the middle of the content. */
class CutOff extends Error {
  readonly have: number;

  constructor(have: number, cause: unknown) {
    super("the connection broke", { cause });
    this.have = have;
  }
}

/** One request for the rest of the file, from byte `have` on. @returns how many bytes there are then */
async function receiveOnce(work: Download, handle: AppendFile, have: number): Promise<number> {
  const { settings, url, file, signal, onBytes } = work;
  const stalled = new AbortController();
  const stall = () => stalled.abort(new DOMException("nothing arrived for a minute", "TimeoutError"));
  let timer = setTimeout(stall, STALL_MS);
  try {
    const answer = await fetch(url, {
      // Without compression, which would change the lengths.
      headers: requestHeaders(settings, url, {
        "accept-encoding": "identity",
        ...(have > 0 && { range: `bytes=${have}-` }),
      }),
      signal: signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal,
    });
    if (!answer.ok) {
      const body = new Uint8Array(await answer.arrayBuffer().catch(() => new ArrayBuffer(0)));
      throw new RefusedAnswer(refusalOf(answer, body), answer.headers.get("retry-after"));
    }
    const type = answer.headers.get("content-type");
    if (/^text\/html\b/i.test(type ?? "") && !/\.html?$/i.test(file.path)) {
      const { host } = new URL(answer.url);
      throw strange(host, kindOfAnswer(type, new Uint8Array()), file.path, work.subject);
    }
    if (have > 0 && !goesOnAt(answer, have)) {
      await handle.truncate(0);
      onBytes(-have);
      have = 0;
    }
    try {
      for await (const bytes of piecesOf(answer)) {
        clearTimeout(timer);
        timer = setTimeout(stall, STALL_MS);
        if (have + bytes.length > file.size) throw damaged(work);
        await handle.write(bytes);
        have += bytes.length;
        onBytes(bytes.length);
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (isNetworkError(error) || stalled.signal.aborted) throw new CutOff(have, error);
      throw error;
    }
    if (have < file.size) throw new CutOff(have, new Error("the answer ended early"));
    return have;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether an answer holds the rest of the file, not all of it again. */
function goesOnAt(answer: Response, have: number): boolean {
  const [, from] = /^bytes (\d+)-/.exec(answer.headers.get("content-range") ?? "") ?? [];
  return answer.status === 206 && Number(from) === have;
}

async function startOver({ onBytes }: Download, handle: AppendFile): Promise<void> {
  onBytes(-(await handle.size()));
  await handle.truncate(0);
}

const damaged = ({ subject, file }: Download): HubError =>
  new HubError(
    "checksum",
    `${subject.label}: ${file.path} did not arrive as the Hub says it is (checksum mismatch); it was thrown away, try again`,
  );

/** Whether a local file has the content of a file on the Hub. */
export async function matches(handle: OpenFile, file: Pick<HubFile, "size" | "digest">): Promise<boolean> {
  const size = await handle.size();
  // Large files have the SHA-256 of their content, others git's blob hash.
  const isLarge = file.digest.length === 64;
  const hash = hashing.hasher(isLarge ? "sha256" : "sha1");
  if (!isLarge) hash.update(`blob ${size}\0`);
  const chunk = new Uint8Array(Math.min(HASH_CHUNK, Math.max(1, size)));
  for (let at = 0; at < size; ) {
    const bytesRead = await handle.readInto(chunk, at);
    if (bytesRead === 0) break;
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
  return size === file.size && hash.digest() === file.digest;
}

/** Takes over the partial download of a process that is gone. */
async function adoptPart(target: string, part: string): Promise<void> {
  const folder = dirname(target);
  const names = await files.list(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  for (const name of names) {
    const [, owner, mark] = /^(.+)\.([\w-]+)\.incomplete$/.exec(name) ?? [];
    if (mark === undefined || owner !== basename(target)) continue;
    if (!(await isAbandoned(join(folder, name), mark))) continue;
    try {
      return await files.rename(join(folder, name), part);
    } catch (error) {
      // Another process was faster.
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }
}
