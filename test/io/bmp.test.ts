// BMP files of every kind, from known bytes to known pixels; damaged ones fail in words.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBmp, isBmp } from "../../src/io/image/bmp.ts";
import { decodeImage } from "../../src/io/image/index.ts";
import { type BmpParts, bmp } from "./bmp_writer.ts";

const read = (parts: BmpParts) => {
  const file = bmp(parts);
  expect(isBmp(file)).toBe(true);
  const { data, ...rest } = decodeBmp(file, 1000);
  return { ...rest, data: [...data] };
};
const RED_BLUE_GREEN = [255, 0, 0, 0, 0, 255, 0, 255, 0];
const RED = [255, 0, 0];
const BLUE = [0, 0, 255];
const GREEN = [0, 255, 0];
/** A palette of `count` colours of which color i is [i, 2 i, 3 i]. */
const ramp = (count: number) =>
  Array.from({ length: count * 3 }, (_, k) => Math.floor(k / 3) * ((k % 3) + 1));

describe("BMP", () => {
  it("of 24 bits, from the bottom or from the top, with rows filled up", () => {
    const body = [0, 0, 255, 255, 0, 0, 0, 0, 0, 255, 0, 1, 2, 3, 0, 0];
    const below = [...RED, ...BLUE];
    const above = [...GREEN, 3, 2, 1];
    const shape = { width: 2, channels: 3 };
    body.splice(8, 4, 0, 255, 0, 1);
    body.splice(12, 4, 2, 3, 0, 0);
    expect(read({ width: 2, height: 2, bits: 24, body })).toEqual({
      ...shape,
      height: 2,
      data: [...above, ...below],
    });
    expect(read({ width: 2, height: -2, bits: 24, body }).data).toEqual([...below, ...above]);
    // What fills up the last row may be missing.
    expect(read({ width: 2, height: -2, bits: 24, body: body.slice(0, 14) }).data).toEqual([
      ...below,
      ...above,
    ]);
  });

  it("of 1, 2, 4 and 8 bits, with the palettes of Windows and of OS/2", () => {
    const one = {
      width: 10,
      height: 1,
      bits: 1,
      palette: [9, 8, 7, 1, 2, 3],
      body: [0b10100000, 0b01 << 6, 0, 0],
    };
    const bits = [1, 0, 1, 0, 0, 0, 0, 0, 0, 1];
    const expected = bits.flatMap((bit) => (bit ? [1, 2, 3] : [9, 8, 7]));
    expect(read(one).data).toEqual(expected);
    expect(read({ ...one, headerBytes: 12 }).data).toEqual(expected);
    const two = { width: 4, height: 1, bits: 2, palette: ramp(4), body: [0b11100100, 0, 0, 0] };
    expect(read(two).data).toEqual([3, 6, 9, 2, 4, 6, 1, 2, 3, 0, 0, 0]);
    const four = { width: 3, height: 1, bits: 4, palette: ramp(16), body: [0x1f, 0x20, 0, 0] };
    expect(read(four).data).toEqual([1, 2, 3, 15, 30, 45, 2, 4, 6]);
    const eight = { width: 2, height: 1, bits: 8, palette: ramp(7), body: [6, 5, 0, 0] };
    expect(read(eight).data).toEqual([6, 12, 18, 5, 10, 15]);
    expect(() => read({ ...eight, body: [6, 7, 0, 0] })).toThrow("damaged or cut short");
  });

  it("is gray where its palette is", () => {
    const palette = [0, 0, 0, 77, 77, 77];
    expect(read({ width: 2, height: 1, bits: 8, palette, body: [1, 0, 0, 0] })).toEqual({
      width: 2,
      height: 1,
      channels: 1,
      data: [77, 0],
    });
  });

  it("of 16 bits: 5 a channel, or as its masks say", () => {
    const at = (value: number) => [value & 255, value >> 8];
    const plain = { width: 2, height: 1, bits: 16, body: [...at(0b0_11111_00000_10000), ...at(1)] };
    expect(read(plain).data).toEqual([255, 0, 132, 0, 0, 8]);
    const masks = [0xf800, 0x07e0, 0x001f];
    const body = [...at(0b11111_000001_00000), ...at(0b00000_111111_00001)];
    for (const headerBytes of [40, 52, 56, 108, 124]) {
      const file = { ...plain, body, compression: 3, masks, headerBytes };
      expect(read(file).data).toEqual([255, 4, 0, 0, 255, 8]);
    }
    expect(() => read({ ...plain, compression: 3, masks: [0b101, 0, 0] })).toThrow("damaged");
  });

  it("of 32 bits: alpha only by a mask, and opaque where all of it is 0", async () => {
    const plain = { width: 2, height: 1, bits: 32, body: [3, 2, 1, 128, 30, 20, 10, 255] };
    expect(read(plain)).toMatchObject({ channels: 3, data: [1, 2, 3, 10, 20, 30] });
    const masks = [0xff0000, 0xff00, 0xff, 0xff000000];
    const file = { ...plain, masks, headerBytes: 124, compression: 3 };
    expect(read(file)).toMatchObject({ channels: 4, data: [1, 2, 3, 128, 10, 20, 30, 255] });
    const blank = { ...file, body: [3, 2, 1, 0, 30, 20, 10, 0] };
    expect(read(blank)).toMatchObject({ channels: 3, data: [1, 2, 3, 10, 20, 30] });
    const image = await decodeImage(bmp(file));
    expect({ ...image, data: [...image.data] }).toEqual({
      data: [1, 2, 3, 128, 10, 20, 30, 255],
      width: 2,
      height: 1,
      format: "bmp",
      channels: 4,
      fileChannels: 4,
    });
  });

  it("of run lengths: runs, pixels as they are, ends of rows, and moves", () => {
    const eight = { width: 5, height: 3, bits: 8, compression: 1, palette: RED_BLUE_GREEN };
    const body = [3, 1, 0, 0, 0, 2, 1, 1, 0, 4, 2, 1, 2, 1, 0, 1];
    const [r, b, g] = [RED, BLUE, GREEN];
    const rows = [
      [b, b, b, r, r],
      [r, r, r, r, r],
      [r, g, b, g, b],
    ].map((row) => row.flat());
    expect(() => read({ ...eight, body: body.slice(0, -2) })).toThrow("damaged");

    expect(read({ ...eight, body }).data).toEqual([...rows[2], ...rows[1], ...rows[0]]);
    const four = { ...eight, height: 1, bits: 4, compression: 2, body: [6, 0x12, 0, 1] };
    expect(() => read(four)).toThrow("damaged");
    expect(read({ ...four, body: [2, 0x12, 0, 3, 0x21, 0x20, 0, 1] }).data).toEqual([b, g, g, b, g].flat());
  });

  it("says what it does not read, and what is damaged", () => {
    const file = { width: 2, height: 1, bits: 24, body: [0, 0, 0, 0, 0, 0, 0, 0] };
    expect(() => read({ ...file, compression: 4 })).toThrow(
      "BMP of 24 bits with compression 4, which is not read; convert it to PNG",
    );
    expect(() => read({ ...file, bits: 5 })).toThrow(/BMP of 5 bits/);
    expect(() => read({ ...file, width: 0 })).toThrow("damaged");
    expect(() => read({ ...file, height: 2 })).toThrow("damaged");
    expect(() => read({ ...file, width: 2 ** 31 - 1 })).toThrow("more than 1000 pixels");
    expect(() => read({ ...file, height: -(2 ** 31) })).toThrow("more than 1000 pixels");
  });

  it("damaged at random, gives an image of the size it says, or an error in words", () => {
    const files = [
      bmp({
        width: 5,
        height: 3,
        bits: 8,
        compression: 1,
        palette: RED_BLUE_GREEN,
        body: [5, 1, 0, 0, 5, 2, 0, 1],
      }),
      bmp({
        width: 3,
        height: 3,
        bits: 16,
        compression: 3,
        masks: [0xf800, 0x7e0, 0x1f],
        body: Array(24).fill(9),
      }),
      bmp({ width: 3, height: 2, bits: 24, body: Array(24).fill(200) }),
    ];
    const changes = fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...files), changes, fc.nat(100), (file, places, length) => {
        const bytes = Uint8Array.from(file.subarray(0, length > 80 ? undefined : length));
        for (const [place, value] of places) if (place < bytes.length) bytes[place] = value;
        if (!isBmp(bytes)) return;
        try {
          const { data, width, height, channels } = decodeBmp(bytes, 10_000);
          expect(data.length).toBe(width * height * channels);
        } catch (error) {
          expect(String(error)).toMatch(
            /^Error: (?:damaged or cut short|more than 10000 pixels|BMP of \d+ bits)/,
          );
        }
      }),
      { numRuns: 2000, seed: 7 },
    );
  });
});
