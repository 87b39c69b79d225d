// Colours of the synthetic butterflies: sRGB triples in [0, 1], varied in OKLCH so that a change of hue preserves the
// perceived lightness (Ottosson, "A perceptual color space for image processing", 2020).
import * as exact from "../../engine/math/index.ts";
import type { Draw } from "./random.ts";

/** Red, green and blue as displayed (sRGB), each in [0, 1]. */
export type Color = readonly [number, number, number];

/** A colour from 0xRRGGBB. */
export function hex(code: number): Color {
  return [((code >> 16) & 255) / 255, ((code >> 8) & 255) / 255, (code & 255) / 255];
}

export function mix(a: Color, b: Color, t: number): Color {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

/**
 * A colour near the given one: hue rotated by up to `hue` degrees, lightness changed by up to `lightness` (0..1 scale),
 * chroma scaled by up to `1 +- chroma`.
 */
export function vary(draw: Draw, color: Color, hue = 6, lightness = 0.03, chroma = 0.12): Color {
  const [l, a, b] = toOklab(color);
  const turn = (draw.range(-hue, hue) * Math.PI) / 180;
  const scale = 1 + draw.range(-chroma, chroma);
  const cos = exact.cos(turn) * scale;
  const sin = exact.sin(turn) * scale;
  return fromOklab([l + draw.range(-lightness, lightness), a * cos - b * sin, a * sin + b * cos]);
}

type Lab = readonly [number, number, number];

function toOklab(color: Color): Lab {
  const r = toLinear(color[0]);
  const g = toLinear(color[1]);
  const b = toLinear(color[2]);
  const l = exact.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = exact.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = exact.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromOklab([lightness, a, b]: Lab): Color {
  const l = cube(lightness + 0.3963377774 * a + 0.2158037573 * b);
  const m = cube(lightness - 0.1055613458 * a - 0.0638541728 * b);
  const s = cube(lightness - 0.0894841775 * a - 1.291485548 * b);
  return [
    toGamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    toGamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    toGamma(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

const cube = (x: number): number => x * x * x;

function toLinear(value: number): number {
  return value <= 0.04045 ? value / 12.92 : exact.pow((value + 0.055) / 1.055, 2.4);
}

function toGamma(value: number): number {
  const x = Math.min(1, Math.max(0, value));
  return x <= 0.0031308 ? 12.92 * x : 1.055 * exact.pow(x, 1 / 2.4) - 0.055;
}
