// Fits a user's image to the size of a model's images, as training would.

import { readFile } from "node:fs/promises";
import { decodeImage, fitted, IMAGE_FORMATS, type Pixels } from "../../io/image/index.ts";
import { explainSystemError, firstLine } from "../../platform/errors.ts";
import { UsageError } from "../errors.ts";

/**
 * Reads an image file as RGB, transparency on white; another size is scaled and cropped to the centre.
 * @param option the option that names the file, for errors
 * @throws UsageError for a file that cannot be read
 */
export async function readFitted(
  option: string,
  file: string,
  { height, width }: { readonly height: number; readonly width: number },
): Promise<Pixels> {
  const image = await decode(option, file);
  return fitted(image, { size: { width, height }, channels: 3, fit: "crop", ground: null });
}

async function decode(option: string, file: string): Promise<Pixels> {
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
