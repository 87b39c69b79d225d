// The two files of a cache entry. pixels.bin: the readable images [height, width, channels] as bytes, concatenated. index.jsonl:
// a header line that identifies the entry, then a line for every image of the source. Both are only appended to, so a
// killed process leaves a valid beginning.

import * as v from "valibot";
import { compression, files, paths } from "#platform";
import { decodeUtf8 } from "../../io/text.ts";
import type { OpenFile, SyncFile } from "../../platform/platform.ts";
import { DataError } from "../errors.ts";
import type { BrokenRecord, GoodRecord } from "./decode.ts";
import type { FormKey } from "./form.ts";

const { join } = paths;

export const PIXELS = "pixels.bin";
export const INDEX = "index.jsonl";

/** Largest accepted index (bytes). */
const MAX_INDEX_BYTES = 2 ** 31;

/** Identifies an entry; if any field differs from the expected one, the entry is stale. */
export interface CacheHeader {
  readonly imago: "decoded images";
  readonly version: 2;
  readonly decoder: string;
  readonly source: string;
  /** The form of the images. */
  readonly size: FormKey;
  readonly count: number;
  readonly stamp: string;
}

/** The line of an image. */
export type CacheRecord = (GoodRecord & { readonly crc: number }) | BrokenRecord;

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(2 ** 32 - 1));
const recordSchema = v.union([
  v.strictObject({
    width: whole,
    height: whole,
    kind: v.string(),
    digest: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    crc: whole,
  }),
  v.strictObject({ problem: v.string() }),
]);

/** The contents of an index. */
export interface CacheIndex {
  readonly records: readonly CacheRecord[];
  /** End of each record's line, in bytes, starting with the header's. */
  readonly ends: readonly number[];
  /** CRCs of the readable images. */
  readonly crcs: Uint32Array;
}

/** "absent": there is no index. "stale": it is for other images or options. "damaged": it is not valid. */
export type IndexProblem = "absent" | "stale" | "damaged";

/** Reads the complete lines; a truncated last line is dropped. */
export async function readIndex(folder: string, expected: CacheHeader): Promise<CacheIndex | IndexProblem> {
  const path = join(folder, INDEX);
  let file: OpenFile;
  try {
    file = await files.open(path);
  } catch {
    return (await files.stat(folder).catch(() => undefined)) === undefined ? "absent" : "damaged";
  }
  try {
    const size = await file.size();
    if (size > MAX_INDEX_BYTES) return "damaged";
    return parseIndex(new Uint8Array(await file.read(0, size)), expected);
  } finally {
    await file.close();
  }
}

function parseIndex(bytes: Uint8Array, expected: CacheHeader): CacheIndex | IndexProblem {
  const records: CacheRecord[] = [];
  const ends: number[] = [];
  const crcs: number[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    const line = decodeUtf8(bytes.subarray(start, end));
    start = end + 1;
    ends.push(start);
    if (ends.length === 1) {
      if (line !== JSON.stringify(expected)) return line.startsWith('{"imago":') ? "stale" : "damaged";
      continue;
    }
    const record = parseRecord(line);
    if (record === undefined || records.push(record) > expected.count) return "damaged";
    if ("crc" in record) crcs.push(record.crc);
  }
  return ends.length === 0 ? "damaged" : { records, ends, crcs: Uint32Array.from(crcs) };
}

function parseRecord(line: string): CacheRecord | undefined {
  try {
    const parsed = v.safeParse(recordSchema, JSON.parse(line));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Images of a finished entry, each read from the file on demand, so memory stays flat. */
export class PixelFile {
  readonly #folder: string;
  readonly #bytes: number;
  readonly #crcs: Uint32Array;
  #file: SyncFile | undefined;

  private constructor(folder: string, bytes: number, crcs: Uint32Array, file: SyncFile) {
    this.#folder = folder;
    this.#bytes = bytes;
    this.#crcs = crcs;
    this.#file = file;
  }

  /** @param bytes of one image */
  static async open(folder: string, bytes: number, crcs: Uint32Array): Promise<PixelFile> {
    return new PixelFile(folder, bytes, crcs, await files.openSync(join(folder, PIXELS), "r"));
  }

  /** @throws DataError where the file has changed since it was written; the next run then rebuilds the entry */
  image(slot: number): Uint8Array {
    if (this.#file === undefined) throw new DataError(`${this.#folder}: the images were closed`);
    const pixels = new Uint8Array(this.#bytes);
    const read = this.#file.read(pixels, slot * this.#bytes);
    if (read === this.#bytes && compression.crc32(pixels) === this.#crcs[slot]) return pixels;
    files.removeSoon(join(this.#folder, INDEX));
    throw new DataError(
      `${this.#folder}: the decoded images kept here are damaged (image ${slot}); start again, and they are made anew`,
    );
  }

  close(): void {
    // It was read only: nothing is left to be written.
    void this.#file?.close();
    this.#file = undefined;
  }
}
