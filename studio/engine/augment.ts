// What augmentation makes of images, by the code that training uses.

import {
  BatchSampler,
  fillBatch,
  hostTensor,
  type ImageSource,
  type Pixels,
  toImages,
  withChannels,
} from "imago";
import type { AugmentRequest } from "./data_messages.ts";
import type { Pictures } from "./messages.ts";

/** The seed of the training that is shown: the usual one. */
const SEED = 0;

export function augment({
  pictures: { width, height, rgba },
  channels,
  images,
  count,
  flip,
  options,
  epochs,
}: AugmentRequest): Pictures {
  const own = new Map<number, Uint8Array>();
  for (const [n, index] of images.entries()) {
    const size = 4 * width * height;
    const data = new Uint8Array(rgba.buffer, rgba.byteOffset + n * size, size);
    own.set(index, withChannels({ data, width, height, channels: 4 }, channels).data);
  }
  const source: ImageSource = {
    ...{ name: "", count, size: { width, height }, channels, flip },
    image(index) {
      const data = own.get(index);
      if (data === undefined) throw new RangeError(`image ${index} was not given`);
      return data;
    },
    fingerprint: () => "",
  };
  const sampler = new BatchSampler({ count, batchSize: 1, seed: SEED, flip, augment: options });
  const changed = images.flatMap((index) =>
    epochs.flatMap((epoch) => {
      const values = fillBatch(source, sampler.inEpoch(epoch, [index])).map((value) => value / 2 + 0.5);
      return toImages(hostTensor(values, [1, height, width, channels]));
    }),
  );
  return joined(changed, width, height);
}

function joined(pixels: readonly Pixels[], width: number, height: number): Pictures {
  const size = 4 * width * height;
  const rgba = new Uint8ClampedArray(pixels.length * size);
  for (const [n, image] of pixels.entries()) rgba.set(withChannels(image, 4).data, n * size);
  return { width, height, count: pixels.length, rgba };
}
