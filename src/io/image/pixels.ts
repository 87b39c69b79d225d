// Images in memory, and their form with other channels.

/** Gray; RGB; RGB and alpha, which is not multiplied into the colours. */
export type Channels = 1 | 3 | 4;

/** An image in memory: 8 bits a channel, [height, width, channels], row by row from the top. */
export interface Pixels {
  /** height x width x channels bytes. */
  readonly data: Uint8Array;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Bytes of a pixel, side by side. */
  readonly channels: Channels;
}

/** A colour, 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** The ground of transparent images. */
export const WHITE: Rgb = [255, 255, 255];

export const isChannels = (count: unknown): count is Channels => count === 1 || count === 3 || count === 4;

/**
 * Checks that the number of bytes fits the size.
 * @throws RangeError if width or height is not a positive whole number, or the length does not fit
 */
export function checkPixels({ data, width, height, channels }: Pixels): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new RangeError(`image: ${width} x ${height} is not a size; give whole numbers of pixels above 0`);
  }
  if (!isChannels(channels)) {
    throw new RangeError(
      `image: it has ${String(channels)} channels; give 1 (gray), 3 (RGB) or 4 (RGB and alpha)`,
    );
  }
  if (data.length !== width * height * channels) {
    throw new RangeError(
      `image: ${data.length} bytes given, ${width} x ${height} of ${channels} channels needs ${width * height * channels}`,
    );
  }
}

/** Whether two images have one size and the same channels. */
export const isSameKind = (a: Pixels, b: Pixels): boolean =>
  a.width === b.width && a.height === b.height && a.channels === b.channels;

/** Size and channels in words. */
export const kindOf = ({ width, height, channels }: Pixels): string =>
  `${width} x ${height}${channels === 3 ? "" : ` of ${channels === 1 ? "1 channel" : `${channels} channels`}`}`;

/** The colours of an image with alpha, as they are. */
export function withoutAlpha({ data, width, height }: Pixels): Pixels {
  return { data: data.filter((_, i) => i % 4 !== 3), width, height, channels: 3 };
}

/** As RGB: gray repeated, transparency on the ground. Of RGB, the same bytes. */
export function toRgb(image: Pixels, ground: Rgb = WHITE): Pixels {
  const { data, width, height, channels } = image;
  if (channels === 3) return image;
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0, from = 0; i < rgb.length; from += channels) {
    const alpha = channels === 4 ? data[from + 3] : 255;
    for (let c = 0; c < 3; c++) {
      const value = channels === 4 ? data[from + c] : data[from];
      // Rounded as decoders of files do it.
      rgb[i++] = Math.floor((value * alpha + ground[c] * (255 - alpha)) / 255);
    }
  }
  return { data: rgb, width, height, channels: 3 };
}

/**
 * With other channels: gray by lightness (Rec. 601, rounded like Pillow's), without transparency on the ground, with it
 * opaque. Of an image with these channels, the same bytes.
 */
export function withChannels(image: Pixels, channels: Channels, ground: Rgb = WHITE): Pixels {
  if (image.channels === channels) return image;
  const { data, width, height } = toRgb(image, ground);
  if (channels === 3) return { data, width, height, channels };
  const out = new Uint8Array(width * height * channels);
  for (let from = 0, to = 0; from < data.length; from += 3) {
    if (channels === 1) out[to++] = luma(data[from], data[from + 1], data[from + 2]);
    else {
      for (let c = 0; c < 3; c++) out[to++] = data[from + c];
      out[to++] = 255;
    }
  }
  return { data: out, width, height, channels };
}

/** Lightness of a colour, 0 .. 255: Rec. 601, rounded like Pillow's. */
const luma = (red: number, green: number, blue: number): number =>
  (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
