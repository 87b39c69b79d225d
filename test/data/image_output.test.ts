// Images out: bytes from a model's numbers, grids, files.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeImage, encodePng, imageGrid, toUint8, writeImage } from "../../src/io/image/index.ts";

const red = { data: Uint8Array.from([255, 0, 0, 0, 0, 255]), width: 2, height: 1, channels: 3 as const };
const gray = { data: Uint8Array.from([9, 9, 9, 80, 80, 80]), width: 2, height: 1, channels: 3 as const };

describe("toUint8", () => {
  it("maps [-1, 1] to bytes, clamps, and rounds halves to even", () => {
    const half = (level: number): number => ((level + 0.5) / 255) * 2 - 1;
    const values = Float32Array.from([-1, 0, 1, -5, 7, half(20.01), half(20.99) - 0.008, 0.999, -0.5]);
    const [image] = toUint8(values, [1, 1, 3, 3]);
    // 0 is 127.5, which goes to the even 128.
    expect([...image!.data]).toEqual([0, 128, 255, 0, 255, 21, 20, 255, 64]);
  });

  it("splits a batch, with the channels that it has", () => {
    const images = toUint8(Float32Array.from([-1, 1, 1, -1]), [2, 1, 2, 1]);
    expect(images.map(({ data }) => [...data])).toEqual([
      [0, 255],
      [255, 0],
    ]);
  });

  it("refuses the wrong number of values and values that are none", () => {
    expect(() => toUint8(new Float32Array(5), [1, 1, 2, 3])).toThrow(/needs 6/);
    expect(() => toUint8(Float32Array.from([NaN, 0, 0]), [1, 1, 1, 3])).toThrow(/NaN/);
  });
});

describe("imageGrid", () => {
  it("lays tiles out in rows, enlarged without smoothing", () => {
    const grid = imageGrid([red, gray, red], { columns: 2, gap: 1, scale: 2 });
    expect([grid.width, grid.height]).toEqual([11, 7]);
    const pixel = (x: number, y: number): number[] => [
      ...grid.data.subarray((y * 11 + x) * 3, (y * 11 + x) * 3 + 3),
    ];
    expect(pixel(0, 0)).toEqual([255, 255, 255]);
    for (const at of [pixel(1, 1), pixel(2, 2), pixel(1, 4)]) expect(at).toEqual([255, 0, 0]);
    expect(pixel(3, 1)).toEqual([0, 0, 255]);
    expect(pixel(6, 1)).toEqual([9, 9, 9]);
    expect(pixel(6, 4)).toEqual([255, 255, 255]);
  });

  it("chooses a near-square of tiles at least 128 high", () => {
    const tile = { data: new Uint8Array(32 * 32 * 3), width: 32, height: 32, channels: 3 as const };
    const grid = imageGrid(Array.from({ length: 16 }, () => tile));
    expect([grid.width, grid.height]).toEqual([4 * 132 + 4, 4 * 132 + 4]);
  });

  it("enlarges many tiles less, so that the picture stays one that can be opened", () => {
    const tile = { data: new Uint8Array(8 * 8 * 3), width: 8, height: 8, channels: 3 as const };
    const grid = imageGrid(
      Array.from({ length: 1000 }, () => tile),
      { columns: 1000 },
    );
    expect([grid.width, grid.height]).toEqual([1000 * 12 + 4, 16]);
  });

  it("refuses no images, images of different sizes, and options out of range", () => {
    expect(() => imageGrid([])).toThrow(/no image/);
    expect(() => imageGrid([red, { ...gray, width: 1, height: 2 }])).toThrow(/give one size/);
    expect(() => imageGrid([red], { scale: 0 })).toThrow(/scale is 0/);
  });
});

describe("files", () => {
  it("encodes a PNG that decodes to the same bytes", async () => {
    const png = await encodePng(red.data, 2, 1);
    expect([...png.subarray(1, 4)]).toEqual([...Buffer.from("PNG")]);
    const kind = { format: "png", channels: 3 as const, fileChannels: 3 };
    expect(await decodeImage(png)).toEqual({ ...red, ...kind, data: Buffer.from(red.data) });
    await expect(encodePng(red.data, 3, 1)).rejects.toThrow(/needs 9/);
  });

  it("writes the format the name asks for, and nothing but the file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "imago-write-"));
    try {
      const starts = { "a.png": "\x89PNG", "b.jpg": "\xff\xd8", "c.webp": "RIFF" };
      for (const [name, start] of Object.entries(starts)) {
        await writeImage(join(folder, "new", name), red);
        const bytes = await readFile(join(folder, "new", name));
        expect(bytes.toString("latin1").startsWith(start)).toBe(true);
      }
      expect((await readdir(join(folder, "new"))).sort()).toEqual(Object.keys(starts));
      await expect(writeImage(join(folder, "d.bmp"), red)).rejects.toThrow(
        /end the name in .png, .jpg or .webp/,
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
