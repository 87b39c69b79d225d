// Converts a batch of generated values to images for files.

import type { HostTensor } from "../engine/host_tensor.ts";
import { type Channels, isChannels, type Pixels, unitToUint8 } from "../io/image/index.ts";
import { PipelineError } from "./errors.ts";

/**
 * The images of a batch with 8 bits a channel.
 * @param batch [N, H, W, 1, 3 or 4], values in [0, 1]
 * @throws PipelineError for another number of channels
 */
export function toImages({ data, shape }: HostTensor): Pixels[] {
  const [count, height, width, channels] = shape;
  return unitToUint8(data, [count, height, width, checkChannels(channels)]);
}

/** @throws PipelineError unless images of so many channels are gray, RGB, or RGB and alpha, which latents are not */
export function checkChannels(channels: number | undefined): Channels {
  if (isChannels(channels)) return channels;
  throw new PipelineError(`images of ${channels} channels cannot be drawn; expected 1, 3 or 4`);
}
