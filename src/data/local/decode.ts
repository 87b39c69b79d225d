// Decodes images to pixels of one size, several at a time, with a record for each.
import { hashing } from "#platform";
import { decodeImage, type FitOptions, fitted } from "../../io/image/index.ts";
import { FileError, firstLine } from "../../platform/errors.ts";
import type { EncodedImages, StoredPixels } from "./encoded.ts";
import { inOrder } from "./in_order.ts";

/** The record of a readable image. */
export interface GoodRecord {
  /** Of the original, in pixels, after its EXIF rotation. */
  readonly width: number;
  readonly height: number;
  /** Format and channels of the original: "jpeg, 3 channels". */
  readonly kind: string;
  /** SHA-256 of the original file, or of its size and pixels, in hexadecimal. */
  readonly digest: string;
}

/** The record of an unreadable image. */
export interface BrokenRecord {
  readonly problem: string;
}

export type Decoded = (GoodRecord & { readonly pixels: Uint8Array }) | BrokenRecord;

export interface DecodeOptions extends FitOptions {
  /** Number of images decoded at once. */
  readonly concurrency: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Decodes, scales and crops all images from `first` on, and yields results in the order of the images. An error in one
 * image becomes its result.
 * @throws FileError when the source itself fails, the signal's reason when it is aborted
 */
export async function* decodeAll(
  encoded: EncodedImages,
  { concurrency, onProgress, signal, ...form }: DecodeOptions,
  first = 0,
): AsyncGenerator<Decoded, void, void> {
  let done = first;
  const work = async (index: number): Promise<Decoded> => {
    signal?.throwIfAborted();
    const decoded = await decodeOne(encoded, index, form);
    onProgress?.(++done, encoded.count);
    return decoded;
  };
  yield* inOrder(encoded.count, concurrency, work, first);
}

async function decodeOne(encoded: EncodedImages, index: number, form: FitOptions): Promise<Decoded> {
  try {
    const content = await encoded.content(index);
    const image =
      content instanceof Uint8Array
        ? await decodeImage(content)
        : { ...content, fileChannels: content.channels };
    const { width, height, format, fileChannels: channels } = image;
    return {
      width,
      height,
      kind: `${format}, ${channels === 1 ? "1 channel" : `${channels} channels`}`,
      digest: digestOf(content),
      pixels: fitted(image, form).data,
    };
  } catch (error) {
    if (error instanceof FileError) throw error;
    return { problem: firstLine(error) };
  }
}

function digestOf(content: Uint8Array | StoredPixels): string {
  if (content instanceof Uint8Array) return hashing.sha256(content);
  const { data, width, height, channels } = content;
  const shape = JSON.stringify([height, width, channels]);
  return hashing.hasher("sha256").update(shape).update(data).digest();
}
