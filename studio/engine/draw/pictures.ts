// Pictures as the page shows them, from images and from samples of steps.

import {
  type Channels,
  type DDPMPipeline,
  type HostTensor,
  hostTensor,
  type Pixels,
  toImages,
  withChannels,
} from "imago";
import type { Pictures } from "../messages.ts";

/** What decodes samples of steps. */
export type Decoder = Pick<DDPMPipeline, "decode">;

/** @param latents [N, h, w, c], in the model's space */
export async function picturesOf(decoder: Decoder, latents: HostTensor): Promise<Pictures> {
  return picturesOfImages(await decoder.decode(latents));
}

/** @param images [N, H, W, C], about [-1, 1] */
function picturesOfImages({ data, shape }: HostTensor): Pictures {
  return rgbaOf(toImages({ shape, data: data.map((x) => Math.min(1, Math.max(0, (x + 1) / 2))) }));
}

export function rgbaOf(images: readonly Pixels[]): Pictures {
  const [{ width, height }] = images;
  const rgba = new Uint8ClampedArray(4 * width * height * images.length);
  for (const [i, image] of images.entries()) {
    rgba.set(withChannels(image, 4).data, 4 * width * height * i);
  }
  return { width, height, count: images.length, rgba };
}

/** The first of pictures, in pixels. */
export const pixelsOf = ({ width, height, rgba }: Pictures): Pixels => ({
  ...{ width, height, channels: 4 },
  data: new Uint8Array(rgba.subarray(0, 4 * width * height)),
});

/** @returns [1, H, W, channels], in [-1, 1] */
export function tensorOf(image: Pixels, channels: Pixels["channels"]): HostTensor {
  const { data, width, height } = withChannels(image, channels);
  return hostTensor(
    Float32Array.from(data, (level) => (level / 255) * 2 - 1),
    [1, height, width, channels],
  );
}

/** @throws Error for what is no picture */
export function channelsOf(channels: number): Channels {
  if (channels === 1 || channels === 3 || channels === 4) return channels;
  throw new Error(`the model's images have ${channels} channels, which are no picture`);
}
