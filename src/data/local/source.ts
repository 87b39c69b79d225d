// Encoded images as a data set: decoded at once, into memory where they are few, otherwise into the cache.
import { hashing, machine } from "#platform";
import { DataError } from "../errors.ts";
import type { ImageSource } from "../image_source.ts";
import { imageCacheFolder } from "./cache_folder.ts";
import { cachedImages } from "./cached.ts";
import { type DecodeOptions, decodeAll } from "./decode.ts";
import { type BrokenImage, type DecodedSet, type Originals, RecordBuilder } from "./decoded_set.ts";
import type { EncodedImages } from "./encoded.ts";
import { labelsOfSome } from "./labels.ts";

/** How many broken files an error names. */
const NAMED = 5;

/** Images that take no more than this (bytes) are kept in memory, and decoded at every start. */
const MEMORY_BYTES = 2 ** 26;

/** How images are read from files: their size, and what is done with those that cannot be decoded. */
export interface LocalOptions {
  /** Height and width of the images, in pixels; 1..4096. */
  readonly size: number;
  /** Whether to mirror images at random in training; default false. */
  readonly flip?: boolean;
  /** What to do about files that cannot be read: fail (default), or leave them out with a warning. */
  readonly onBroken?: "error" | "skip";
  /** How the user asks for "skip", for the error that advises it. Default: in the words of this option. */
  readonly skipHint?: string;
  /** Files decoded at once, 1..1024; default twice the number of processors. */
  readonly concurrency?: number;
  /**
   * Decoded images that take more than this (bytes) are kept in the cache on the disk, and read from there; default
   * 64 MiB. Infinity keeps any number in memory.
   */
  readonly memoryLimit?: number;
  /** The folder of decoded images. Default: images in $IMAGO_CACHE, else in imago in $XDG_CACHE_HOME or ~/.cache. */
  readonly cacheFolder?: string;
  /** Called after every file that is decoded. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops the reading; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Images of a folder, a list, an archive or parquet files, and what there is to say about them. */
export interface LocalImages extends ImageSource {
  /** Image `index`'s path inside the source, with "/", or its parquet file and row. */
  fileOf(index: number): string;
  /** What the images were as files. */
  readonly originals: Originals;
  /** Files that were left out because they cannot be read. */
  readonly broken: readonly BrokenImage[];
  readonly warnings: readonly string[];
  /** Where on the disk the decoded images are, and whether they were put there just now; absent when in memory. */
  readonly cache?: { readonly folder: string; readonly isNew: boolean };
  /** Lets go of the file of decoded images; the images can no longer be had. */
  close(): void;
}

/** Which labels make a difference to the fingerprint: those that were asked for. */
export type LabelOrigin = "asked for" | "found";

/**
 * Decodes all images, or opens them in the cache, and closes `encoded`.
 * @param name the source's, as the user called it
 * @throws DataError or FileError, in one line
 */
export async function localImages(
  name: string,
  encoded: EncodedImages,
  options: LocalOptions,
  labelOrigin: LabelOrigin,
): Promise<LocalImages> {
  const { flip = false, size } = options;
  const { set, cache, warnings: cacheWarnings } = await decodedSet(name, encoded, options);
  const { broken, indices, originals } = set;
  const count = indices.length;
  const labels = encoded.labels && labelsOfSome(encoded.labels, indices);
  const fingerprint =
    labels !== undefined && labelOrigin === "asked for"
      ? `sha256:${hashing.sha256(JSON.stringify([set.fingerprint, labels.names, [...labels.of]]))}`
      : set.fingerprint;
  const check = (index: number): number => {
    if (Number.isInteger(index) && index >= 0 && index < count) return index;
    throw new RangeError(`${name}: there is no image ${index}; images are 0..${count - 1}`);
  };
  return {
    name,
    count,
    size: { height: size, width: size },
    channels: 3,
    flip,
    ...(labels !== undefined && { labels }),
    fileOf: (index) => encoded.nameOf(indices[check(index)] ?? 0),
    originals,
    broken,
    warnings: [...encoded.warnings, ...cacheWarnings, ...ownWarnings(name, broken, encoded.count, count)],
    ...(cache !== undefined && { cache }),
    image: (index) => set.image(check(index)),
    fingerprint: () => fingerprint,
    close: () => set.close(),
  };
}

interface Opened {
  readonly set: DecodedSet;
  readonly cache?: { readonly folder: string; readonly isNew: boolean };
  readonly warnings: readonly string[];
}

async function decodedSet(name: string, encoded: EncodedImages, options: LocalOptions): Promise<Opened> {
  const { size, concurrency = 2 * machine.cores(), memoryLimit = MEMORY_BYTES, onProgress, signal } = options;
  const { onBroken = "error", skipHint = 'load with onBroken "skip"' } = options;
  try {
    checkWhole("size", size, 4096);
    checkWhole("concurrency", concurrency, 1024);
    const decode: DecodeOptions = {
      size,
      concurrency,
      ...(onProgress !== undefined && { onProgress }),
      ...(signal !== undefined && { signal }),
    };
    let opened: Opened;
    if (encoded.count * size ** 2 * 3 <= memoryLimit) {
      opened = { set: await inMemory(encoded, decode), warnings: [] };
    } else {
      const folder = options.cacheFolder ?? imageCacheFolder();
      const set = await cachedImages(encoded, { ...decode, folder, name });
      opened = { set, cache: { folder: set.folder, isNew: set.isNew }, warnings: set.warnings };
    }
    const { broken, indices } = opened.set;
    if (broken.length > 0 && (onBroken === "error" || indices.length === 0)) {
      opened.set.close();
      const advice = indices.length === 0 ? "repair them" : `repair or remove them, or ${skipHint}`;
      throw new DataError(`${name}: ${describeBroken(broken, encoded.count)}; ${advice}`);
    }
    return opened;
  } finally {
    await encoded.close();
  }
}

async function inMemory(encoded: EncodedImages, options: DecodeOptions): Promise<DecodedSet> {
  const { size } = options;
  const bytes = size ** 2 * 3;
  const builder = new RecordBuilder(encoded.count, size, (index) => encoded.nameOf(index));
  const pixels: Uint8Array[] = [];
  for await (const decoded of decodeAll(encoded, options)) {
    builder.add(decoded);
    if ("pixels" in decoded) pixels.push(decoded.pixels);
  }
  return {
    ...builder.finish(),
    image: (slot) => pixels[slot] ?? new Uint8Array(bytes),
    close: () => {},
  };
}

/** What cannot be read, in one clause: how many, and which the first of them are. */
function describeBroken(broken: readonly BrokenImage[], total: number): string {
  const named = broken.slice(0, NAMED).map(({ file, problem }) => `${JSON.stringify(file)} (${problem})`);
  const more = broken.length > NAMED ? ` and ${broken.length - NAMED} more` : "";
  return `${broken.length} of ${total === 1 ? "1 file" : `${total} files`} cannot be read as ${total === 1 ? "an image" : "images"}: ${named.join(", ")}${more}`;
}

function ownWarnings(name: string, broken: readonly BrokenImage[], total: number, count: number): string[] {
  const warnings: string[] = [];
  if (broken.length > 0) warnings.push(`${name}: left out: ${describeBroken(broken, total)}`);
  if (count === 1) warnings.push(`${name}: one image only: a model can only learn it by heart`);
  return warnings;
}

function checkWhole(option: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new DataError(`images: ${option} is ${value}; give a whole number from 1 to ${most}`);
}
