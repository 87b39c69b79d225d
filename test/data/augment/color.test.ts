// Colour jitter against Pillow's ImageEnhance, and the properties of colours that it preserves.

import * as v from "valibot";
import { expect, it } from "vitest";
import { type ColorChange, recolor } from "../../../src/data/augment/color.ts";
import { readJsonFixture } from "../../support/golden.ts";

const SAME: ColorChange = { brightness: 1, contrast: 1, saturation: 1, hue: 0 };

function recolored(
  pixels: ArrayLike<number>,
  change: Partial<ColorChange>,
  channels: 1 | 3 = 3,
): Float32Array {
  const values = Float32Array.from(pixels);
  recolor(values, channels, { ...SAME, ...change });
  return values;
}

const luma = (color: ArrayLike<number>): number => 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2];

it("changes brightness, contrast and saturation as Pillow does, to its rounding", async () => {
  const { pixels, cases } = v.parse(golden, await readJsonFixture("color_pillow.json"));
  expect(cases).toHaveLength(6);
  for (const { change, factor, pixels: expected } of cases) {
    const values = recolored(pixels, { [change]: factor });
    for (const [i, value] of values.entries()) expect(Math.abs(value - expected[i])).toBeLessThan(1.51);
  }
});

it("leaves colours as they are where nothing is changed, and greys whatever saturation and hue are", () => {
  const pixels = [10, 120, 240, 77, 77, 77, 255, 255, 255, 0, 0, 0];
  for (const [i, value] of recolored(pixels, {}).entries()) expect(value).toBeCloseTo(pixels[i], 4);
  const turned = recolored(pixels, { saturation: 0.3, hue: 2 });
  for (let i = 3; i < pixels.length; i++) expect(turned[i]).toBeCloseTo(pixels[i], 4);
});

it("turns the hue and keeps luma; a whole turn comes back", () => {
  const pixels = [110, 140, 125];
  const turned = recolored(pixels, { hue: 1.5 });
  expect(Math.abs(turned[0] - pixels[0])).toBeGreaterThan(5);
  expect(luma(turned)).toBeCloseTo(luma(pixels), 3);
  for (const [i, value] of recolored(pixels, { hue: 2 * Math.PI }).entries())
    expect(value).toBeCloseTo(pixels[i], 3);
});

it("takes one channel, and stays in range", () => {
  expect(Array.from(recolored([0, 100, 200], { brightness: 1.5 }, 1))).toEqual([0, 150, 255]);
  expect(Array.from(recolored([0, 100, 200], { contrast: 0.5, hue: 1, saturation: 0 }, 1))).toEqual([
    50, 100, 150,
  ]);
});

const numbers = v.array(v.number());
const golden = v.object({
  pixels: numbers,
  cases: v.array(
    v.object({
      change: v.picklist(["brightness", "contrast", "saturation"]),
      factor: v.number(),
      pixels: numbers,
    }),
  ),
});
