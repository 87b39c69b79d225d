// Images that several processes draw together, for the first one.

import { isChannels, type Pixels } from "../io/image/index.ts";
import type { ImageRange } from "../pipelines/conditioner.ts";
import { anyOf, shareOfCount } from "./collective.ts";
import type { Communicator } from "./communicator.ts";
import { CancelledElsewhere } from "./errors.ts";

/**
 * Draws images, each process its share.
 * @param draw some of them, all of one size
 * @param signal cancels it: then all processes end without images
 * @returns all images in order, on the first process; elsewhere undefined
 * @throws the signal's reason when it is aborted, CancelledElsewhere when that of another process is
 */
export async function drawTogether(
  communicator: Communicator,
  count: number,
  draw: (part: ImageRange) => Promise<readonly Pixels[]>,
  signal?: AbortSignal,
): Promise<Pixels[] | undefined> {
  const { first: firstImage, count: own } = shareOfCount(count, communicator);
  const work = own === 0 ? Promise.resolve([]) : draw({ firstImage, count: own });
  const drawn = await work.catch((error: unknown) => {
    if (signal?.aborted === true && error === signal.reason) return undefined;
    throw error;
  });
  const [isCancelled] = await anyOf(communicator, [drawn === undefined]);
  if (drawn === undefined) throw signal?.reason;
  if (isCancelled) throw new CancelledElsewhere();
  if (communicator.size === 1) return [...drawn];
  const all = await communicator.gather(toBytes(drawn));
  return all?.flatMap(fromBytes);
}

/** Height, width, channels. */
const HEADER = 3;

function toBytes(images: readonly Pixels[]): Uint8Array {
  if (images.length === 0) return new Uint8Array();
  const [{ width, height, channels, data }] = images;
  const bytes = new Uint8Array(4 * HEADER + images.length * data.length);
  new Uint32Array(bytes.buffer, 0, HEADER).set([height, width, channels]);
  for (const [i, image] of images.entries()) bytes.set(image.data, 4 * HEADER + i * data.length);
  return bytes;
}

function fromBytes(bytes: Uint8Array): Pixels[] {
  if (bytes.length === 0) return [];
  const { buffer, byteOffset } = bytes;
  const [height, width, channels] = new Uint32Array(buffer.slice(byteOffset, byteOffset + 4 * HEADER));
  if (!isChannels(channels)) throw new RangeError(`images of ${channels} channels from another process`);
  const each = height * width * channels;
  return Array.from({ length: (bytes.length - 4 * HEADER) / each }, (_, i) => {
    const begin = 4 * HEADER + i * each;
    return { height, width, channels, data: bytes.slice(begin, begin + each) };
  });
}
