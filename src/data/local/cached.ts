// Decoded images of a source through the cache: read from there, or first decoded into it.

import { files, images, paths } from "#platform";
import { shortageOf } from "../../io/free_space.ts";
import { errorCode, explainSystemError, FileError } from "../../platform/errors.ts";
import { DataError } from "../errors.ts";
import { type CacheHeader, PIXELS, PixelFile, readIndex } from "./cache_files.ts";
import { abandonedBuilds, buildingName, entryName } from "./cache_folder.ts";
import { CacheWriter } from "./cache_writer.ts";
import { type DecodeOptions, decodeAll } from "./decode.ts";
import { type DecodedSet, RecordBuilder } from "./decoded_set.ts";
import type { EncodedImages } from "./encoded.ts";
import { formBytes, formKey } from "./form.ts";

const { join } = paths;

export interface CacheOptions extends DecodeOptions {
  /** The cache's folder. */
  readonly folder: string;
  /** The source's name, for errors and for the entry's name. */
  readonly name: string;
}

export interface CachedSet extends DecodedSet {
  /** The entry's folder. */
  readonly folder: string;
  /** Whether this call made it. */
  readonly isNew: boolean;
  readonly warnings: readonly string[];
}

/** Entries that this process is opening or making; later callers wait for them. */
const underWay = new Map<string, Promise<unknown>>();

/**
 * Opens the entry of a source, and decodes the source first where it has none.
 * @throws DataError or FileError, in one line, when the disk is full or the cache cannot be written; the signal's
 *   reason when it is aborted. Images decoded until then are kept, and the next call continues from there.
 */
export async function cachedImages(encoded: EncodedImages, options: CacheOptions): Promise<CachedSet> {
  const { folder, name } = options;
  const size = formKey(options);
  const entry = join(folder, entryName(name, encoded.identity, size));
  const header: CacheHeader = {
    imago: "decoded images",
    version: 2,
    decoder: await images.decoder(),
    source: encoded.identity,
    size,
    count: encoded.count,
    stamp: await encoded.stamp(),
  };
  const before = underWay.get(entry) ?? Promise.resolve();
  const opening = before.then(() => openOrMake(entry, header, encoded, options));
  const settled = opening.catch(() => {});
  underWay.set(entry, settled);
  try {
    return await opening;
  } finally {
    if (underWay.get(entry) === settled) underWay.delete(entry);
  }
}

async function openOrMake(
  entry: string,
  header: CacheHeader,
  encoded: EncodedImages,
  options: CacheOptions,
): Promise<CachedSet> {
  const found = await openEntry(entry, header, encoded, formBytes(options));
  if (typeof found !== "string") return { ...found, isNew: false, warnings: [] };
  await build(entry, header, encoded, options);
  const made = await openEntry(entry, header, encoded, formBytes(options));
  if (typeof made === "string") {
    throw new DataError(`${entry}: the decoded images disappeared while they were made; start again`);
  }
  const why =
    found === "stale" ? "the images, or what decodes them, changed" : "the files there were damaged";
  const warnings =
    found === "absent" ? [] : [`${options.name}: the decoded images in ${entry} were made anew: ${why}`];
  return { ...made, isNew: true, warnings };
}

async function openEntry(
  entry: string,
  header: CacheHeader,
  encoded: EncodedImages,
  bytes: number,
): Promise<(DecodedSet & { folder: string }) | "absent" | "stale" | "damaged"> {
  const index = await readIndex(entry, header);
  if (typeof index === "string") return index;
  const pixels = await files.stat(join(entry, PIXELS)).catch(() => undefined);
  if (index.records.length !== header.count || pixels?.size !== index.crcs.length * bytes) return "damaged";
  const builder = new RecordBuilder(encoded.count, header.size, (i) => encoded.nameOf(i));
  for (const record of index.records) builder.add(record);
  const file = await PixelFile.open(entry, bytes, index.crcs);
  return {
    ...builder.finish(),
    folder: entry,
    image: (slot) => file.image(slot),
    close: () => file.close(),
  };
}

async function build(
  entry: string,
  header: CacheHeader,
  encoded: EncodedImages,
  options: CacheOptions,
): Promise<void> {
  const { folder, name } = options;
  const own = join(folder, await buildingName(entry.slice(folder.length + 1)));
  try {
    await files.makeFolder(folder);
    await adopt(folder, entry.slice(folder.length + 1), own);
    await checkSpace(folder, name, header.count * formBytes(options), own);
    await decodeInto(own, header, encoded, options);
    await files.removeFolder(entry);
    await files.rename(own, entry).catch((error: unknown) => {
      // Another process finished the same entry meanwhile, which is as good.
      if (!["ENOTEMPTY", "EEXIST", "EPERM"].includes(errorCode(error) ?? "")) throw error;
    });
    await files.removeAll(own);
  } catch (error) {
    if (["ENOSPC", "EDQUOT"].includes(errorCode(error) ?? "")) {
      await files.removeAll(own).catch(() => {});
    }
    const explained = explainSystemError(error, "keep decoded images in", folder);
    if (!(explained instanceof FileError) || explained.path !== folder) throw explained;
    throw new FileError(folder, `${explained.problem}; IMAGO_CACHE chooses the folder of decoded images`, {
      cause: error,
    });
  }
}

/** Takes over the unfinished entry of a dead process: the first process to rename it gets it. */
async function adopt(folder: string, entry: string, own: string): Promise<void> {
  let isTaken = (await files.stat(own).catch(() => undefined)) !== undefined;
  for (const name of await abandonedBuilds(folder, entry)) {
    if (isTaken) await files.removeAll(join(folder, name));
    else {
      isTaken = await files.rename(join(folder, name), own).then(
        () => true,
        () => false,
      );
    }
  }
}

async function checkSpace(folder: string, name: string, bytes: number, own: string): Promise<void> {
  const there = await files.stat(join(own, PIXELS)).catch(() => undefined);
  const needed = bytes - (there?.size ?? 0);
  const short = await shortageOf(folder, needed);
  if (short === undefined) return;
  throw new DataError(
    `${name}: the decoded images need ${short.needed}, but the disk of ${folder} has ${short.free} free; free some space, or choose a folder on another disk with IMAGO_CACHE`,
  );
}

async function decodeInto(
  folder: string,
  header: CacheHeader,
  encoded: EncodedImages,
  options: CacheOptions,
): Promise<void> {
  const writer = await CacheWriter.open(folder, header, formBytes(options));
  try {
    for await (const decoded of decodeAll(encoded, options, writer.before.length)) await writer.add(decoded);
    await writer.finish();
  } catch (error) {
    await writer.flush().catch(() => {});
    throw error;
  } finally {
    await writer.close();
  }
}
