// Images of any shape and channels: scaling, padding, transparency, and files of them.

import { describe, expect, test } from "vitest";
import {
  type Channels,
  decodeImage,
  encodePng,
  type FitOptions,
  fitted,
  imageGrid,
  type Pixels,
  toRgb,
  withChannels,
} from "../../src/io/image/index.ts";

/** Every pixel a number of its place. */
const picture = (width: number, height: number, channels: Channels): Pixels => ({
  data: Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 37) % 256),
  width,
  height,
  channels,
});
const plain = (width: number, height: number, pixel: readonly number[]): Pixels => ({
  data: Uint8Array.from({ length: width * height * pixel.length }, (_, i) => pixel[i % pixel.length]),
  width,
  height,
  channels: pixel.length === 1 ? 1 : pixel.length === 3 ? 3 : 4,
});
const brought = (image: Pixels, width: number, height: number, more: Partial<FitOptions> = {}) =>
  fitted(image, { size: { width, height }, channels: image.channels, fit: "crop", ground: null, ...more });
const pixel = ({ data, width, channels }: Pixels, x: number, y: number) => [
  ...data.subarray((y * width + x) * channels, (y * width + x + 1) * channels),
];

describe.each([1, 3, 4] as const)("of %i channels", (channels) => {
  test("files and grids keep them", async () => {
    const image = picture(5, 3, channels);
    const { width, height, data } = await decodeImage(
      await encodePng(image.data, image.width, image.height, channels),
    );
    expect({ width, height, data: [...data] }).toEqual({ width: 5, height: 3, data: [...image.data] });
    const grid = imageGrid([image, image], { gap: 1, scale: 1 });
    expect(grid.channels).toBe(channels);
    expect(pixel(grid, 1, 1)).toEqual(pixel(image, 0, 0));
    expect(pixel(grid, 0, 0)).toEqual(channels === 4 ? [0, 0, 0, 0] : new Array(channels).fill(255));
  });

  test("a wide image is cut, padded or stretched to a tall one", () => {
    const color = [200, 100, 50, 255].slice(0, channels);
    const wide = plain(16, 8, color);
    for (const how of ["crop", "stretch"] as const) {
      const { data, width, height } = brought(wide, 4, 8, { fit: how });
      expect({ data: [...data], width, height }).toEqual({
        ...plain(4, 8, color),
        data: [...plain(4, 8, color).data],
        channels: undefined,
      });
    }
    const padded = brought(wide, 4, 8, { fit: "pad" });
    expect(pixel(padded, 1, 3)).toEqual(color);
    expect(pixel(padded, 1, 4)).toEqual(color);
    const around = channels === 4 ? [200, 100, 50, 0] : new Array(channels).fill(255);
    expect(pixel(padded, 1, 2)).toEqual(around);
    expect(pixel(padded, 1, 5)).toEqual(around);
    const onBlack = brought(wide, 4, 8, { fit: "pad", ground: [0, 0, 0] });
    expect(pixel(onBlack, 0, 0)).toEqual([0, 0, 0, 255].slice(0, channels));
  });
});

test("crop takes the centre of what covers the size", () => {
  const image = picture(6, 2, 1);
  expect([...brought(image, 2, 2).data]).toEqual([2, 3, 8, 9].map((i) => (i * 37) % 256));
});

test("what transparency hides does not change what is seen when an image shrinks", () => {
  // Half of the pixels are red and seen, half are hidden and green.
  const data = Uint8Array.from({ length: 8 * 8 * 4 }, (_, i) => {
    const isSeen = Math.floor(i / 4) % 2 === 0;
    return (isSeen ? [255, 0, 0, 255] : [0, 255, 0, 0])[i % 4];
  });
  const { data: small } = brought({ data, width: 8, height: 8, channels: 4 }, 2, 2);
  for (let i = 0; i < 4; i++) {
    expect([...small.subarray(4 * i, 4 * i + 3)]).toEqual([255, 0, 0]);
    expect(Math.abs(small[4 * i + 3] - 128)).toBeLessThan(20);
  }
});

test("hidden pixels take the colours around them, seen ones stay", () => {
  const image = plain(9, 9, [0, 0, 0, 0]);
  const at = (x: number, y: number) => (y * 9 + x) * 4;
  image.data.set([250, 10, 10, 255], at(2, 4));
  image.data.set([10, 10, 250, 3], at(7, 4));
  const spread = brought(image, 9, 9);
  expect(pixel(spread, 2, 4)).toEqual([250, 10, 10, 255]);
  expect(pixel(spread, 7, 4)).toEqual([10, 10, 250, 3]);
  const [red, , blue, alpha] = pixel(spread, 1, 4);
  expect(alpha).toBe(0);
  expect(red).toBeGreaterThan(200);
  expect(blue).toBeLessThan(60);
  // Nothing is seen of it on any ground.
  for (const ground of [
    [0, 0, 0],
    [255, 255, 255],
  ] as const) {
    expect(toRgb(spread, ground)).toEqual(toRgb(image, ground));
  }
});

test("channels become others by lightness, on a ground, opaque", () => {
  expect([...withChannels(plain(1, 1, [255, 0, 0]), 1).data]).toEqual([76]);
  expect([...withChannels(plain(1, 1, [9]), 4).data]).toEqual([9, 9, 9, 255]);
  expect([...withChannels(plain(1, 1, [0, 0, 0, 128]), 3, [0, 255, 0]).data]).toEqual([0, 127, 0]);
});
