// Converts a batch of generated values to images for files.

import type { HostTensor } from "../engine/host_tensor.ts";
import { type RgbImage, unitToUint8 } from "../io/image/index.ts";
import { PipelineError } from "./errors.ts";

/**
 * The images of a batch as 8-bit RGB.
 * @param batch [N, H, W, 1 or 3], values in [0, 1]
 * @throws PipelineError for another number of channels
 */
export function toImages({ data, shape }: HostTensor): RgbImage[] {
  const [count, height, width, channels] = shape;
  return unitToUint8(data, [count, height, width, checkChannels(channels)]);
}

/** @throws PipelineError unless images of so many channels are gray or RGB, which latents are not */
export function checkChannels(channels: number | undefined): 1 | 3 {
  if (channels === 1 || channels === 3) return channels;
  throw new PipelineError(`images of ${channels} channels cannot be drawn; expected 1 or 3`);
}
