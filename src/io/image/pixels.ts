// Decoded pixels with their own channels, and their form as RGB.

/** An image in memory: 8 bits a channel, [height, width, channels], row by row from the top. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Gray, RGB, or RGB and alpha (not multiplied with it). */
  readonly channels: 1 | 3 | 4;
}

/** [height, width, 3]: gray repeated, transparency on white, rounded as the decoder of files rounds it. */
export function toRgb({ data, channels }: Pixels): Uint8Array {
  if (channels === 3) return data;
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let i = 0, from = 0; i < rgb.length; from += channels) {
    const alpha = channels === 4 ? data[from + 3] : 255;
    for (let c = 0; c < 3; c++) {
      const value = channels === 4 ? data[from + c] : data[from];
      rgb[i++] = Math.floor((value * alpha + 255 * (255 - alpha)) / 255);
    }
  }
  return rgb;
}
