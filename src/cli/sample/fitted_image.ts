// Fits a user's image to the size of a model's images, as training would.

import { readFile } from "node:fs/promises";
import { decodeImage, IMAGE_FORMATS, type RgbImage, resizeAndCrop } from "../../io/image/index.ts";
import { explainSystemError, firstLine } from "../../platform/errors.ts";
import { UsageError } from "../errors.ts";

/**
 * Reads an image file; another size is scaled and cropped to the central square.
 * @param option the option that names the file, for errors
 * @throws UsageError for a file that cannot be read or fitted to the size
 */
export async function readFitted(
  option: string,
  file: string,
  { height, width }: { readonly height: number; readonly width: number },
): Promise<RgbImage> {
  const image = await decode(option, file);
  if (image.width === width && image.height === height) return image;
  if (width !== height) {
    throw new UsageError(
      `${option} ${file} is ${image.width} x ${image.height}; the model's images are ${width} x ${height}: bring it to that size`,
    );
  }
  return { data: resizeAndCrop(image, width), width, height };
}

async function decode(option: string, file: string): Promise<RgbImage> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw explainSystemError(error, `read ${option}`, file);
  }
  try {
    return await decodeImage(bytes);
  } catch (error) {
    const problem = firstLine(error);
    throw new UsageError(`${option} ${file}: ${problem}; expected a ${IMAGE_FORMATS}`);
  }
}
