// Draws a specimen on a plain ground, exactly symmetric. Every pixel is the mean of a square of samples (in sRGB, as in image
// resizers), and every sample softens edges over its own width, so a few samples are enough. Otherwise the drawing does
// not depend on the size.
import * as exact from "../../engine/math/index.ts";
import { bodyExtent, paintBody } from "./body.ts";
import type { Ink } from "./layers.ts";
import { paintWing, type Specimen } from "./specimen.ts";
import { Site } from "./wing.ts";

/** Position and scale of the specimen in the frame. */
export interface Pose {
  /** Share of the frame filled by the longer side. */
  readonly fill: number;
  /** Shift down from the centre, in shares of the frame. */
  readonly drop: number;
}

/** Width of the forewing's shadow on the hindwing, in forewing lengths. */
const SHADE = 0.06;

/** Samples per pixel and side: about 96 across the frame, at least two per pixel. */
function samplesPerSide(size: number): number {
  return Math.max(2, Math.min(8, Math.round(96 / size)));
}

/** Draws onto a square of a gray from 0 to 1; returns RGB bytes, [size, size, 3]. */
export function render(specimen: Specimen, pose: Pose, size: number, ground = 1): Uint8Array {
  const extent = extentOf(specimen);
  const brush = new Brush(specimen, ground);
  const per = samplesPerSide(size);
  const height = extent.bottom - extent.top;
  const unit = Math.max(2 * extent.right, height) / pose.fill; // forewing lengths across the frame
  const middle = (extent.top + extent.bottom) / 2 - pose.drop * unit;
  const pixel = unit / (size * per);
  const scale = 255 / (per * per);
  const ink = brush.ink;
  const out = new Uint8Array(size * size * 3).fill(byte(255 * ground));
  for (let py = 0; py < size; py++) {
    const top = (py / size - 0.5) * unit + middle;
    if (top > extent.bottom || top + per * pixel < extent.top) continue;
    for (let px = size >> 1; px < size; px++) {
      const left = (px / size - 0.5) * unit;
      if (left > extent.right) break;
      let r = 0;
      let g = 0;
      let b = 0;
      for (let s = 0; s < per * per; s++) {
        const sx = s % per;
        const sy = (s - sx) / per;
        brush.paint(Math.abs(left + (sx + 0.5) * pixel), top + (sy + 0.5) * pixel, pixel);
        r += ink.r;
        g += ink.g;
        b += ink.b;
      }
      for (const column of [px, size - 1 - px]) {
        const at = (py * size + column) * 3;
        out[at] = byte(r * scale);
        out[at + 1] = byte(g * scale);
        out[at + 2] = byte(b * scale);
      }
    }
  }
  return out;
}

class Brush {
  readonly ink: Ink = { r: 1, g: 1, b: 1 };
  private readonly specimen: Specimen;
  private readonly ground: number;
  private readonly foreSite = new Site();
  private readonly hindSite = new Site();

  constructor(specimen: Specimen, ground: number) {
    this.specimen = specimen;
    this.ground = ground;
  }

  /** Computes the colour at (x, y), x >= 0, into `ink`: ground, hindwing, forewing and its shadow, body. */
  paint(x: number, y: number, pixel: number): void {
    const { specimen, ground, ink, foreSite, hindSite } = this;
    ink.r = ground;
    ink.g = ground;
    ink.b = ground;
    const soft = pixel / 2;
    const fore = specimen.fore.wing.locate(x, y, SHADE, foreSite);
    if (fore < soft) {
      const hind = specimen.hind.wing.locate(x, y, soft, hindSite);
      if (hind > -soft) {
        paintWing(specimen.hind, hindSite, ink, pixel);
        if (fore > -SHADE) darken(ink, 0.3 * exact.square(1 + fore / SHADE));
        cover(ink, ground, ground, ground, 0.5 - hind / pixel);
      }
    }
    if (fore > -soft) {
      const { r, g, b } = ink;
      paintWing(specimen.fore, foreSite, ink, pixel);
      cover(ink, r, g, b, 0.5 - fore / pixel);
    }
    paintBody(specimen.body, x, y, ink, pixel);
  }
}

function darken(ink: Ink, t: number): void {
  ink.r *= 1 - t;
  ink.g *= 1 - t;
  ink.b *= 1 - t;
}

/** Mixes the colour below back into the ink. */
function cover(ink: Ink, r: number, g: number, b: number, t: number): void {
  if (t <= 0) return;
  ink.r += (r - ink.r) * t;
  ink.g += (g - ink.g) * t;
  ink.b += (b - ink.b) * t;
}

/** Extent of the specimen up, down and to the side, in forewing lengths. */
function extentOf({ fore, hind, body }: Specimen): { top: number; bottom: number; right: number } {
  const [front, back, trunk] = [fore.wing.box, hind.wing.box, bodyExtent(body)];
  return {
    top: Math.min(front.y0, back.y0, trunk.top),
    bottom: Math.max(front.y1, back.y1, trunk.bottom),
    right: Math.max(front.x1, back.x1),
  };
}

function byte(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.round(value);
}
