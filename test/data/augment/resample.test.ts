// Resampling against a plain float64 sum over all pixels of the plane, and against Pillow's resize.

import * as v from "valibot";
import { describe, expect, it } from "vitest";
import {
  type Affine,
  IDENTITY,
  product,
  rotation,
  scaling,
  stretch,
  translation,
} from "../../../src/data/augment/affine.ts";
import { type Raster, resample } from "../../../src/data/augment/resample.ts";
import { readJsonFixture } from "../../support/golden.ts";
import { inverse } from "./inverse.ts";

const HEIGHT = 6;
const WIDTH = 8;

/** Bytes that differ from each other as much as can be. */
function noise(height: number, width: number, channels: number): Raster {
  const pixels = Uint8Array.from(
    { length: height * width * channels },
    (_, i) => (i * 97 + 41 * i * i) % 256,
  );
  return { pixels, height, width, channels };
}

/** A picture without sharp edges. */
function smooth(size: number): Raster {
  const pixels = new Uint8Array(size * size * 3);
  for (let i = 0; i < size * size; i++) {
    const [x, y] = [(i % size) / size, Math.floor(i / size) / size];
    pixels[i * 3] = 128 + 90 * Math.sin(6 * x + 2 * y);
    pixels[i * 3 + 1] = 128 + 90 * Math.cos(5 * y);
    pixels[i * 3 + 2] = 128 + 90 * Math.sin(4 * (x - y));
  }
  return { pixels, height: size, width: size, channels: 3 };
}

function keys(t: number): number {
  const d = Math.abs(t);
  if (d <= 1) return 1.5 * d ** 3 - 2.5 * d ** 2 + 1;
  return d < 2 ? -0.5 * d ** 3 + 2.5 * d ** 2 - 4 * d + 2 : 0;
}

/** The definition: every pixel of the plane nearby, by its distance from where the result's pixel falls. */
function plain({ pixels, height, width, channels }: Raster, map: Affine): Float64Array {
  const [a, b, x0, c, d, y0] = map;
  const widening = Math.max(1, Math.fround(stretch(map)));
  const nearest = (i: number, size: number): number => Math.min(size - 1, Math.max(0, i));
  const out = new Float64Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [across, down] = [x - (width - 1) / 2, y - (height - 1) / 2];
      const px = a * across + b * down + x0 + (width - 1) / 2;
      const py = c * across + d * down + y0 + (height - 1) / 2;
      const sums = new Float64Array(channels);
      let total = 0;
      for (let j = Math.floor(py) - 12; j < py + 12; j++) {
        for (let i = Math.floor(px) - 12; i < px + 12; i++) {
          const weight = keys((i - px) / widening) * keys((j - py) / widening);
          total += weight;
          const from = (nearest(j, height) * width + nearest(i, width)) * channels;
          for (let k = 0; k < channels; k++) sums[k] += weight * pixels[from + k];
        }
      }
      for (let k = 0; k < channels; k++) {
        out[(y * width + x) * channels + k] = Math.min(255, Math.max(0, sums[k] / total));
      }
    }
  }
  return out;
}

function resampled(raster: Raster, map: Affine): Float32Array {
  const out = new Float32Array(raster.pixels.length);
  resample(raster, map, out);
  return out;
}

const largest = (values: Iterable<number>): number => Math.max(...values);

describe("resample", () => {
  const maps: [string, Affine][] = [
    ["a turn", rotation(0.3)],
    ["a small shift", translation(0.37, -1.62)],
    ["a shift farther than the image", translation(21.3, 17.9)],
    ["enlarged", scaling(0.6, 0.6)],
    ["shrunk", scaling(1.7, 1.7)],
    ["shrunk along one axis", product(rotation(0.5), scaling(1.3, 1 / 1.3), rotation(-0.5))],
    ["all at once", product(scaling(-1, 1), rotation(-1.2), scaling(0.8, 0.9), translation(2.2, 0.1))],
  ];
  it.each(maps)("%s is the plain sum of the kernel over the plane", (_, map) => {
    for (const channels of [1, 3]) {
      const raster = noise(HEIGHT, WIDTH, channels);
      const expected = plain(raster, map);
      expect(largest(resampled(raster, map).map((value, i) => Math.abs(value - expected[i])))).toBeLessThan(
        2e-5,
      );
    }
  });

  it("leaves what falls on pixels as it is: none, mirrored, shifted by whole pixels, turned by quarters", () => {
    const raster = noise(7, 7, 3);
    const at = (x: number, y: number) =>
      Array.from(raster.pixels.subarray((y * 7 + x) * 3, (y * 7 + x) * 3 + 3));
    const grid = (from: (x: number, y: number) => [number, number]) =>
      Array.from({ length: 49 }, (_, i) => at(...from(i % 7, Math.floor(i / 7)))).flat();
    const cases: [Affine, (x: number, y: number) => [number, number]][] = [
      [IDENTITY, (x, y) => [x, y]],
      [scaling(-1, 1), (x, y) => [6 - x, y]],
      [scaling(1, -1), (x, y) => [x, 6 - y]],
      [translation(-2, 1), (x, y) => [Math.max(0, x - 2), Math.min(6, y + 1)]],
      // The place right of the middle comes from below it.
      [rotation(Math.PI / 2), (x, y) => [6 - y, x]],
      [rotation(Math.PI), (x, y) => [6 - x, 6 - y]],
      [rotation(-Math.PI / 2), (x, y) => [y, 6 - x]],
    ];
    for (const [map, from] of cases) expect(Array.from(resampled(raster, map))).toEqual(grid(from));
  });

  it("comes back nearly the same from there and back", () => {
    const raster = smooth(32);
    for (const map of [rotation(0.4), translation(1.3, 0.7), scaling(0.8, 0.8)]) {
      const there = Uint8Array.from(resampled(raster, map), Math.round);
      const back = resampled({ ...raster, pixels: there }, inverse(map));
      // Within what no way left the image for.
      for (let y = 10; y < 22; y++) {
        for (let i = (y * 32 + 10) * 3; i < (y * 32 + 22) * 3; i++) {
          expect(Math.abs(back[i] - raster.pixels[i])).toBeLessThan(2.5);
        }
      }
    }
  });

  it("keeps a white ground white, and overshoots nowhere", () => {
    const pixels = new Uint8Array(16 * 16 * 3).fill(255);
    for (let y = 5; y < 11; y++) pixels.fill(0, (y * 16 + 5) * 3, (y * 16 + 11) * 3);
    const map = product(rotation(0.2), scaling(1.05, 1.05));
    const out = resampled({ pixels, height: 16, width: 16, channels: 3 }, map);
    expect(out.every((value) => value >= 0 && value <= 255)).toBe(true);
    for (let x = 0; x < 16; x++) expect([out[x * 3], out[(15 * 16 + x) * 3]]).toEqual([255, 255]);
  });

  it("crops and shrinks as Pillow's resize with BICUBIC does, away from the edges", async () => {
    const { side, pixels, cases } = v.parse(golden, await readJsonFixture("resample_pillow.json"));
    const raster = { pixels: Uint8Array.from(pixels), height: side, width: side, channels: 1 };
    for (const { box, size, values } of cases) {
      const [left, top, right, bottom] = box;
      const map = product(
        translation((left + right - side) / 2, (top + bottom - side) / 2),
        scaling((right - left) / size, (bottom - top) / size),
      );
      const out = resampled(raster, map);
      // A smaller result stands in the middle.
      const margin = (side - size) / 2;
      for (const [x, y, value] of values) {
        expect(Math.abs(out[(y + margin) * side + x + margin] - value)).toBeLessThan(1e-3);
      }
      expect(values.length).toBeGreaterThan(5);
    }
  });
});

const golden = v.object({
  side: v.number(),
  pixels: v.array(v.number()),
  cases: v.array(
    v.object({
      box: v.tuple([v.number(), v.number(), v.number(), v.number()]),
      size: v.number(),
      values: v.array(v.tuple([v.number(), v.number(), v.number()])),
    }),
  ),
});
