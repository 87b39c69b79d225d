// Writes a cache entry, or continues one that a killed process began.

import { compression, files, paths } from "#platform";
import type { AppendFile } from "../../platform/platform.ts";
import { type CacheHeader, type CacheRecord, INDEX, PIXELS, readIndex } from "./cache_files.ts";
import type { Decoded } from "./decode.ts";

const { join } = paths;

/** Pixels are written in chunks of this many bytes, or one image. */
const BATCH_BYTES = 2 ** 22;
/** Largest number of records per write. */
const BATCH_RECORDS = 1024;

export class CacheWriter {
  readonly #pixels: AppendFile;
  readonly #index: AppendFile;
  readonly #imageBytes: number;
  readonly #batch: Uint8Array;
  #batched = 0;
  #lines: string[] = [];
  /** Records of the earlier process, in the order of the images. */
  readonly before: readonly CacheRecord[];

  private constructor(
    pixels: AppendFile,
    index: AppendFile,
    imageBytes: number,
    before: readonly CacheRecord[],
  ) {
    this.#pixels = pixels;
    this.#index = index;
    this.#imageBytes = imageBytes;
    this.#batch = new Uint8Array(Math.max(1, Math.floor(BATCH_BYTES / imageBytes)) * imageBytes);
    this.before = before;
  }

  /** Creates the folder where it is missing, and keeps the part of its files that is intact and matches the header. */
  static async open(folder: string, header: CacheHeader, imageBytes: number): Promise<CacheWriter> {
    await files.makeFolder(folder);
    const pixels = await files.openToAppend(join(folder, PIXELS));
    let index: AppendFile | undefined;
    try {
      index = await files.openToAppend(join(folder, INDEX));
      const found = await readIndex(folder, header);
      const before = typeof found === "string" ? [] : await soundRecords(pixels, found.records, imageBytes);
      const good = before.filter((record) => "crc" in record).length;
      await pixels.truncate(good * imageBytes);
      await index.truncate(typeof found === "string" ? 0 : found.ends[before.length]);
      const writer = new CacheWriter(pixels, index, imageBytes, before);
      if (typeof found === "string") writer.#lines.push(JSON.stringify(header));
      return writer;
    } catch (error) {
      await pixels.close();
      await index?.close();
      throw error;
    }
  }

  /** Adds the result of the next image. */
  async add(decoded: Decoded): Promise<void> {
    if ("problem" in decoded) {
      this.#lines.push(JSON.stringify({ problem: decoded.problem }));
    } else {
      const { pixels, ...record } = decoded;
      this.#batch.set(pixels, this.#batched);
      this.#batched += this.#imageBytes;
      this.#lines.push(JSON.stringify({ ...record, crc: compression.crc32(pixels) }));
    }
    if (this.#batched === this.#batch.length || this.#lines.length >= BATCH_RECORDS) await this.flush();
  }

  /** Writes the added records: pixels first, so that every line has its pixels. */
  async flush(): Promise<void> {
    await this.#pixels.write(this.#batch.subarray(0, this.#batched));
    this.#batched = 0;
    const lines = this.#lines.map((line) => `${line}\n`).join("");
    this.#lines = [];
    await this.#index.write(lines);
  }

  /** Flushes everything to disk before it returns. */
  async finish(): Promise<void> {
    await this.flush();
    await this.#pixels.sync();
    await this.#index.sync();
  }

  async close(): Promise<void> {
    await this.#pixels.close();
    await this.#index.close();
  }
}

/** The records before the first whose pixels do not match. */
async function soundRecords(
  pixels: AppendFile,
  records: readonly CacheRecord[],
  imageBytes: number,
): Promise<readonly CacheRecord[]> {
  const size = await pixels.size();
  let position = 0;
  for (const [i, record] of records.entries()) {
    if (!("crc" in record)) continue;
    if (position + imageBytes > size) return records.slice(0, i);
    const bytes = new Uint8Array(await pixels.read(position, imageBytes));
    if (compression.crc32(bytes) !== record.crc) return records.slice(0, i);
    position += imageBytes;
  }
  return records;
}
