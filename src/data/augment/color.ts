// Colour jitter: brightness, contrast and saturation as in torchvision's ColorJitter, and hue as a rotation of the
// chroma, which preserves luma and greys.

import * as exact from "../../engine/math/index.ts";
import type { Channels } from "../../io/image/index.ts";

/** Changes of one image's colours, applied in this order. */
export interface ColorChange {
  /** Factor of every value. */
  readonly brightness: number;
  /** Factor of the distance from the image's mean luma. */
  readonly contrast: number;
  /** Factor of the distance from the pixel's own luma. */
  readonly saturation: number;
  /** Rotation of the chroma, radians. */
  readonly hue: number;
}

/** Luma weights of ITU-R BT.601, and the scales of its chroma: U = 0.492 (B - Y), V = 0.877 (R - Y). */
const RED = 0.299;
const GREEN = 0.587;
const BLUE = 0.114;
const U_SCALE = 0.492;
const V_SCALE = 0.877;

/**
 * Changes an image's colours in place, clamped to 0 .. 255.
 * @param values [pixels, channels], 0 to 255
 * @param channels with 1, saturation and hue have no effect; with 4, alpha stays as it is
 */
export function recolor(values: Float32Array, channels: Channels, change: ColorChange): void {
  const { brightness, contrast, saturation, hue } = change;
  const gain = brightness * contrast;
  const offset = (1 - contrast) * brightness * meanLuma(values, channels);
  if (channels === 1) {
    for (let i = 0; i < values.length; i++) values[i] = clamp(values[i] * gain + offset);
    return;
  }
  const cos = saturation * exact.cos(hue);
  const sin = saturation * exact.sin(hue);
  for (let i = 0; i < values.length; i += channels) {
    const r = values[i] * gain + offset;
    const g = values[i + 1] * gain + offset;
    const b = values[i + 2] * gain + offset;
    const luma = RED * r + GREEN * g + BLUE * b;
    const u = U_SCALE * (b - luma);
    const v = V_SCALE * (r - luma);
    const fromBlue = (cos * u - sin * v) / U_SCALE;
    const fromRed = (sin * u + cos * v) / V_SCALE;
    values[i] = clamp(luma + fromRed);
    values[i + 1] = clamp(luma - (RED * fromRed + BLUE * fromBlue) / GREEN);
    values[i + 2] = clamp(luma + fromBlue);
  }
}

function meanLuma(values: Float32Array, channels: Channels): number {
  let sum = 0;
  if (channels === 1) for (const value of values) sum += value;
  else {
    for (let i = 0; i < values.length; i += channels) {
      sum += RED * values[i] + GREEN * values[i + 1] + BLUE * values[i + 2];
    }
  }
  return (sum * channels) / values.length;
}

const clamp = (value: number): number => Math.min(255, Math.max(0, value));
