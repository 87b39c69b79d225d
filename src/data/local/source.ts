// Encoded images as a data set: few are decoded into memory, many into the cache.

import { hashing, machine } from "#platform";
import type { FitOptions } from "../../io/image/index.ts";
import { DataError } from "../errors.ts";
import type { ImageSource } from "../image_source.ts";
import { imageCacheFolder } from "./cache_folder.ts";
import { cachedImages } from "./cached.ts";
import { chosenChannels } from "./channels.ts";
import { type DecodeOptions, decodeAll } from "./decode.ts";
import { type BrokenImage, type DecodedSet, type Originals, RecordBuilder } from "./decoded_set.ts";
import type { EncodedImages } from "./encoded.ts";
import { checkedForm, type FormOptions, formBytes, formKey } from "./form.ts";
import { labelsOfSome } from "./labels.ts";

/** Number of broken files that an error names. */
const NAMED = 5;

/** Data sets up to this size (bytes) are kept in memory, and decoded at every start. */
const MEMORY_BYTES = 2 ** 26;

/** Options for reading image files: their size, and the handling of broken ones. */
export interface LocalOptions extends FormOptions {
  /** Whether to mirror images at random in training; default false. */
  readonly flip?: boolean;
  /** How to handle unreadable files: fail (default), or leave them out with a warning. */
  readonly onBroken?: "error" | "skip";
  /** The user's way to choose "skip", for the error that suggests it. Default: this option's name and value. */
  readonly skipHint?: string;
  /** Files decoded at once, 1..1024; default twice the number of processors. */
  readonly concurrency?: number;
  /**
   * Decoded data sets above this size (bytes) go into the disk cache and are read from there; default 64 MiB. Infinity
   * keeps everything in memory.
   */
  readonly memoryLimit?: number;
  /** The folder of decoded images. Default: images in $IMAGO_CACHE, else in imago in $XDG_CACHE_HOME or  /.cache. */
  readonly cacheFolder?: string;
  /** Called after every decoded file. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops the reading; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Images of a folder, a list, an archive or parquet files, and information about them. */
export interface LocalImages extends ImageSource {
  /** Image `index`'s path inside the source, with "/", or its parquet file and row. */
  fileOf(index: number): string;
  /** Properties of the original files. */
  readonly originals: Originals;
  /** Unreadable files, which were left out. */
  readonly broken: readonly BrokenImage[];
  /** One line for each thing that was noticed, such as files that were left out. */
  readonly warnings: readonly string[];
  /** The cache entry's folder, and whether this call made it; absent for images in memory. */
  readonly cache?: { readonly folder: string; readonly isNew: boolean };
  /** Closes the file of decoded images; images cannot be read afterwards. */
  close(): void;
}

/** Where labels come from: only those that the user chose ("asked for") change the fingerprint. */
export type LabelOrigin = "asked for" | "found";

/**
 * Decodes all images, or opens them in the cache, and closes `encoded`.
 * @param name the user's name for the source
 * @throws DataError or FileError, in one line
 */
export async function localImages(
  name: string,
  encoded: EncodedImages,
  options: LocalOptions,
  labelOrigin: LabelOrigin,
): Promise<LocalImages> {
  const { flip = false } = options;
  const { set, form, cache, warnings: formWarnings } = await decodedSet(name, encoded, options);
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
    size: form.size,
    channels: form.channels,
    flip,
    ...(labels !== undefined && { labels }),
    fileOf: (index) => encoded.nameOf(indices[check(index)] ?? 0),
    originals,
    broken,
    warnings: [...encoded.warnings, ...formWarnings, ...ownWarnings(name, broken, encoded.count, count)],
    ...(cache !== undefined && { cache }),
    image: (index) => set.image(check(index)),
    fingerprint: () => fingerprint,
    close: () => set.close(),
  };
}

interface Opened {
  readonly set: DecodedSet;
  readonly form: FitOptions;
  readonly cache?: { readonly folder: string; readonly isNew: boolean };
  readonly warnings: readonly string[];
}

async function decodedSet(name: string, encoded: EncodedImages, options: LocalOptions): Promise<Opened> {
  const { concurrency = 2 * machine.cores(), memoryLimit = MEMORY_BYTES, onProgress, signal } = options;
  const { onBroken = "error", skipHint = 'load with onBroken "skip"' } = options;
  try {
    const given = checkedForm(options);
    checkWhole("concurrency", concurrency, 1024);
    const work = {
      concurrency,
      ...(onProgress !== undefined && { onProgress }),
      ...(signal !== undefined && { signal }),
    };
    const form = { ...given, channels: await chosenChannels(encoded, options, work) };
    const decode: DecodeOptions = { ...form, ...work };
    let opened: Opened;
    if (encoded.count * formBytes(form) <= memoryLimit) {
      opened = { set: await inMemory(encoded, decode), form, warnings: [] };
    } else {
      const folder = options.cacheFolder ?? imageCacheFolder();
      const set = await cachedImages(encoded, { ...decode, folder, name });
      opened = { set, form, cache: { folder: set.folder, isNew: set.isNew }, warnings: set.warnings };
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
  const builder = new RecordBuilder(encoded.count, formKey(options), (index) => encoded.nameOf(index));
  const pixels: Uint8Array[] = [];
  for await (const decoded of decodeAll(encoded, options)) {
    builder.add(decoded);
    if ("pixels" in decoded) pixels.push(decoded.pixels);
  }
  return {
    ...builder.finish(),
    image: (slot) => pixels[slot] ?? new Uint8Array(formBytes(options)),
    close: () => {},
  };
}

/** Describes unreadable files in one clause: how many, and the first of them. */
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
