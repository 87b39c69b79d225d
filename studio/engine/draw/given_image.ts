// An image of the user, as large as the pictures that start from it, by the code of the command.

import { decodeImage, fitted, type LDMPipeline, type Pixels } from "imago";
import { channelsOf } from "./pictures.ts";

/**
 * Covers the size; what is over on two sides is cut off.
 * @param what in words, for errors
 * @throws Error, in one line, for a file that is no image
 */
export async function fittedImage(
  what: string,
  given: File | Pixels,
  { width, height, channels }: LDMPipeline["imageSize"],
): Promise<Pixels> {
  const image = given instanceof File ? await decoded(what, given) : given;
  const size = { width, height };
  return fitted(image, { size, channels: channelsOf(channels), fit: "crop", ground: null });
}

async function decoded(what: string, file: File): Promise<Pixels> {
  try {
    return await decodeImage(new Uint8Array(await file.arrayBuffer()));
  } catch (error) {
    throw new Error(`${what} ${file.name}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}
