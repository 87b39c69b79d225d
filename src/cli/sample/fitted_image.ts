// Fits a user's image to the size of a model's images, as training would.

import { readFile } from "node:fs/promises";
import type { ImageSize } from "../../codecs/codec.ts";
import { decodeImage, fitted, IMAGE_FORMATS, type Pixels } from "../../io/image/index.ts";
import { checkChannels } from "../../pipelines/images.ts";
import { explainSystemError, firstLine } from "../../platform/errors.ts";
import { UsageError } from "../errors.ts";

/**
 * Reads an image file with the channels of a model's images; another size is scaled and cropped to the centre.
 * @param option the option that names the file, for errors
 * @throws UsageError for a file that cannot be read
 */
export async function readFitted(
  option: string,
  file: string,
  { channels, ...size }: ImageSize,
): Promise<Pixels> {
  const image = await decode(option, file);
  return fitted(image, { size, channels: checkChannels(channels), fit: "crop", ground: null });
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
