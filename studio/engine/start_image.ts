// An image of the user to start from, as the form shows it.

import { decodeImage, fitted } from "imago";
import { rgbaOf } from "./draw/pictures.ts";
import type { Pictures } from "./messages.ts";

export interface StartImage {
  readonly file: File;
  /** Small enough to be painted on. */
  readonly preview: Pictures;
}

/** Larger files are no pictures that one draws from (64 MiB). */
const MOST_BYTES = 2 ** 26;
/** The longer side of a preview. */
const PREVIEW = 384;

/** @throws Error, in one line, for a file that is no image, or too large */
export async function startImageOf(file: File): Promise<StartImage> {
  if (file.size > MOST_BYTES) {
    throw new Error(`${file.name} has ${file.size} bytes; expected an image of at most ${MOST_BYTES}`);
  }
  try {
    const image = await decodeImage(new Uint8Array(await file.arrayBuffer()));
    const scale = Math.min(1, PREVIEW / Math.max(image.width, image.height));
    const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale)));
    const small = fitted(image, { size: { width, height }, channels: 3, fit: "stretch", ground: null });
    return { file, preview: rgbaOf([small]) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${file.name}: ${why}; expected a PNG, JPEG or WebP`, { cause: error });
  }
}
