// The codec of patches: a square of p x p pixels becomes one position with p² times as many channels (space to depth).
// It keeps every bit, and white noise stays white noise, so a model of patches is trained and drawn like one of pixels,
// at the cost of an image p times smaller on each side.

import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import type { Codec, ImageSize } from "./codec.ts";
import { identity } from "./identity.ts";
import { patchPipeline } from "./patch_pipeline.ts";

/** Supported sides of a patch, in pixels. */
export const PATCH_SIZES = [2, 4, 8] as const;
/** Side of a patch, in pixels. @useDeclaredType */
export type PatchSize = (typeof PATCH_SIZES)[number];

/** The class name in the config.json of a run. */
export const PATCH_CODEC = "PatchCodec";

/** The codec for a size from a file. @throws RangeError for another size */
export function patchesOf(size: unknown): Codec {
  const known = PATCH_SIZES.find((side) => side === size);
  if (known !== undefined) return patches(known);
  throw new RangeError(`patch_size is ${JSON.stringify(size)}, expected ${PATCH_SIZES.join(", ")}`);
}

/**
 * The codec of patches of `size` x `size` pixels. Channel (c p + i) p + j of a position is channel c of the pixel in
 * row i and column j of its patch, as in torch's pixel_unshuffle.
 */
export function patches(size: PatchSize): Codec {
  const values = size * size;
  return {
    saved: {
      className: PATCH_CODEC,
      config: { patch_size: size },
      components: [],
      pipeline: patchPipeline(size),
    },
    keepsValues: true,
    latentSize({ height, width, channels }: ImageSize): ImageSize {
      if (height % size !== 0 || width % size !== 0) {
        throw new RangeError(
          `images of ${width} x ${height} cannot be cut into patches of ${size} x ${size}; use a size that is a multiple of ${size}`,
        );
      }
      return { height: height / size, width: width / size, channels: channels * values };
    },
    imageSize({ height, width, channels }: ImageSize): ImageSize {
      if (channels % values !== 0) {
        throw new RangeError(
          `a model of ${channels} channels does not see patches of ${size} x ${size}, whose channels are a multiple of ${values}`,
        );
      }
      return { height: height * size, width: width * size, channels: channels / values };
    },
    encode: async (images) => rearranged(images, size, "encode"),
    decode: async (latents) => rearranged(latents, size, "decode"),
  };
}

/** The codec of a model that sees patches of this side; the identity for pixels. */
export const patchesOrPixels = (size: PatchSize | 1): Codec => (size === 1 ? identity : patches(size));

/** @param tensor [N, H, W, C] to encode, [N, h, w, C p²] to decode */
function rearranged({ data, shape }: HostTensor, p: number, direction: "encode" | "decode"): HostTensor {
  const isEncoding = direction === "encode";
  const [n, rows, columns, depth] = shape;
  const [height, width, channels] = isEncoding
    ? [rows, columns, depth]
    : [rows * p, columns * p, depth / (p * p)];
  const [h, w] = [height / p, width / p];
  const out = new Float32Array(data.length);
  let pixel = 0;
  for (let image = 0; image < n; image++) {
    for (let y = 0; y < height; y++) {
      const row = (image * h + Math.floor(y / p)) * w;
      for (let x = 0; x < width; x++) {
        let latent = (row + Math.floor(x / p)) * channels * p * p + (y % p) * p + (x % p);
        for (let c = 0; c < channels; c++, pixel++, latent += p * p) {
          if (isEncoding) out[latent] = data[pixel];
          else out[pixel] = data[latent];
        }
      }
    }
  }
  return hostTensor(out, isEncoding ? [n, h, w, channels * p * p] : [n, height, width, channels]);
}
