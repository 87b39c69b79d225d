// Converts a batch of generated values to images for files, and given images to values.

import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import {
  type Channels,
  checkPixels,
  isChannels,
  type Pixels,
  unitToUint8,
  withChannels,
} from "../io/image/index.ts";
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

/** An image as a batch of one, [1, H, W, channels]. @throws RangeError for bytes that are no image */
export function imageBatch(
  image: Pixels,
  channels: Channels,
  levelValue: (level: number) => number,
): HostTensor {
  checkPixels(image);
  const { data, width, height } = withChannels(image, channels);
  return hostTensor(Float32Array.from(data, levelValue), [1, height, width, channels]);
}

/** 0 .. 255 to -1 .. 1, as models see them. */
export const signedLevel = (level: number): number => (level / 255) * 2 - 1;
