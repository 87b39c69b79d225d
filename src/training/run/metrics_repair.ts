// The records of a metrics.jsonl that a resumed run keeps: all up to the step that it continues from. Lines that are
// not records are moved to another file.

import * as v from "valibot";
import { files, paths } from "#platform";
import { decodeUtf8 } from "../../io/text.ts";
import { explainSystemError } from "../../platform/errors.ts";
import type { FileSink, Permit } from "../../platform/platform.ts";

/** The required fields of a record. */
export const recordEntries = {
  step: v.pipe(v.number(), v.integer(), v.minValue(1)),
  seconds: v.pipe(v.number(), v.minValue(0)),
};
const recordSchema = v.looseObject({ ...recordEntries, patch_fd: v.exactOptional(v.number()) });

/** Lines that are not records go to a file with this suffix. */
const BROKEN = ".broken";
const NEWLINE = 0x0a;
/** Longest possible record (bytes). */
const LONGEST_RECORD = 2 ** 16;
/** Size of each read (bytes). */
const CHUNK_BYTES = 2 ** 16;

/** Information about the kept records. */
export interface KeptRecords {
  /** Length of the file (bytes). */
  readonly size: number;
  /** `seconds` of the last one; 0 without any. */
  readonly seconds: number;
  /** The step of the last one, if it has no quality numbers. */
  readonly unmeasuredStep: number | undefined;
}

export interface KeepOptions {
  /** Called before the file is changed. */
  readonly permit: Permit;
  /** Called with one line about lines that are not records. */
  readonly warn: (message: string) => void;
}

/**
 * Keeps only the records of steps up to `keepThrough` in a metrics.jsonl, which is created if missing. If there are
 * other lines between them, the file is rewritten.
 * @throws FileError when the system refuses
 */
export async function keepRecords(
  path: string,
  keepThrough: number,
  { permit, warn }: KeepOptions,
): Promise<KeptRecords> {
  try {
    permit();
    await (await files.openToAppend(path)).close();
    const { kept, broken, firstBroken, ...last } = await scan(path, keepThrough);
    permit();
    if (broken.length > 0) {
      await appendParts(path, broken, `${path}${BROKEN}`);
      const count = broken.reduce((sum, { lines }) => sum + lines, 0);
      const what =
        count === 1
          ? `line ${firstBroken} is not the record of a step`
          : `${count} lines, the first is line ${firstBroken}, are not records of steps`;
      warn(`${path}: ${what}; moved to ${paths.basename(path)}${BROKEN}, every other record is kept`);
    }
    const [first] = kept;
    if (kept.length > 1 || (first && first.begin > 0)) {
      await files.writeFileAtomic(path, (file) => copyParts(path, kept, file), permit);
    } else await truncate(path, first?.end ?? 0);
    return { size: kept.reduce((sum, { begin, end }) => sum + end - begin, 0), ...last };
  } catch (error) {
    throw explainSystemError(error, "write the file", path);
  }
}

/** Adjacent lines, as a byte range of the file. */
interface Part {
  readonly begin: number;
  readonly end: number;
  readonly lines: number;
}

interface Scan extends Omit<KeptRecords, "size"> {
  readonly kept: readonly Part[];
  /** Broken lines between kept records. Later ones are dropped: their steps are repeated anyway. */
  readonly broken: readonly Part[];
  /** The number of the first broken line, from 1. */
  readonly firstBroken: number;
}

async function scan(path: string, keepThrough: number): Promise<Scan> {
  const kept: Part[] = [];
  const broken: Part[] = [];
  let firstBroken = 0;
  let [step, seconds, number] = [0, 0, 0];
  let unmeasuredStep: number | undefined;
  /** Broken lines since the last record. */
  let since: Part[] = [];
  let firstSince = 0;
  const admit = () => {
    if (since.length > 0 && broken.length === 0) firstBroken = firstSince;
    for (const part of since) add(broken, part);
    since = [];
  };
  for await (const { text, ...part } of lines(path)) {
    number++;
    const record = v.safeParse(recordSchema, parseJson(text));
    if (record.success && record.output.step > keepThrough) continue;
    if (!record.success || record.output.step <= step) {
      if (since.length === 0) firstSince = number;
      add(since, part);
      continue;
    }
    admit();
    add(kept, part);
    step = record.output.step;
    seconds = record.output.seconds;
    unmeasuredStep = record.output.patch_fd === undefined ? step : undefined;
  }
  if (step < keepThrough) admit();
  return { kept, broken, firstBroken, seconds, unmeasuredStep };
}

/** Adds a part, merged with the last one if adjacent. */
function add(parts: Part[], part: Part): void {
  const last = parts.at(-1);
  if (last === undefined || last.end !== part.begin) parts.push(part);
  else parts[parts.length - 1] = { begin: last.begin, end: part.end, lines: last.lines + part.lines };
}

/** The lines of a file; very long ones are cut a little above the longest record. */
async function* lines(path: string): AsyncGenerator<Part & { readonly text: string }> {
  let held: Uint8Array = new Uint8Array();
  let begin = 0;
  let position = 0;
  const line = (end: number) => ({ begin, end, lines: 1, text: decodeUtf8(held) });
  const hold = (bytes: Uint8Array) => {
    const more = bytes.subarray(0, LONGEST_RECORD + 1 - held.length);
    const both = new Uint8Array(held.length + more.length);
    both.set(held);
    both.set(more, held.length);
    held = both;
  };
  for await (const chunk of chunks(path)) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      hold(chunk.subarray(from, end));
      yield line(position + end + 1);
      from = end + 1;
      begin = position + from;
      held = new Uint8Array();
    }
    hold(chunk.subarray(from));
    position += chunk.length;
  }
  // A record ends with its newline.
  if (begin < position) yield { begin, end: position, lines: 1, text: "" };
}

/** The bytes of a file between two offsets, in pieces; each piece is only valid until the next one. */
async function* chunks(path: string, begin = 0, end = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
  if (end <= begin) return;
  const file = await files.open(path);
  try {
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (let at = begin; at < end; ) {
      const read = await file.readInto(chunk.subarray(0, Math.min(chunk.length, end - at)), at);
      if (read === 0) return;
      yield chunk.subarray(0, read);
      at += read;
    }
  } finally {
    await file.close();
  }
}

async function truncate(path: string, size: number): Promise<void> {
  const file = await files.openSync(path, "r+");
  try {
    file.truncate(size);
  } finally {
    await file.close();
  }
}

async function appendParts(path: string, parts: readonly Part[], to: string): Promise<void> {
  const file = await files.openToAppend(to);
  try {
    await copyParts(path, parts, file);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function copyParts(path: string, parts: readonly Part[], to: FileSink): Promise<void> {
  for (const { begin, end } of parts) {
    for await (const chunk of chunks(path, begin, end)) await to.write(chunk);
  }
}

/** Undefined for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
