// Draws a specimen on white, symmetric to the bit. Every pixel is the plain mean of a square of samples (in
// sRGB, as image resizers take it), and every sample softens the edges it meets over its own width, so few
// samples are enough. The drawing does not depend on the size but for that.
import { bodyExtent, paintBody } from "./body.ts";
import type { Ink } from "./layers.ts";
import { paintWing, type Specimen } from "./specimen.ts";
import { Site } from "./wing.ts";

/** How the specimen lies in the frame. */
export interface Pose {
  /** Share of the frame the longer side fills. */
  readonly fill: number;
  /** Shift down from the middle, in shares of the frame. */
  readonly drop: number;
}

/** The depth of shade the forewing throws on the hindwing, in forewing lengths. */
const SHADE = 0.06;

/** Samples per pixel and side: enough for some 96 across the frame, and never fewer than two. */
function samplesPerSide(size: number): number {
  return Math.max(2, Math.min(8, Math.round(96 / size)));
}

/** Draws onto a white square; returns RGB bytes, [size, size, 3]. */
export function render(specimen: Specimen, pose: Pose, size: number): Uint8Array {
  const extent = extentOf(specimen);
  const brush = new Brush(specimen);
  const per = samplesPerSide(size);
  const height = extent.bottom - extent.top;
  const unit = Math.max(2 * extent.right, height) / pose.fill; // forewing lengths across the frame
  const middle = (extent.top + extent.bottom) / 2 - pose.drop * unit;
  const pixel = unit / (size * per);
  const scale = 255 / (per * per);
  const ink = brush.ink;
  const out = new Uint8Array(size * size * 3).fill(255);
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
  private readonly foreSite = new Site();
  private readonly hindSite = new Site();

  constructor(specimen: Specimen) {
    this.specimen = specimen;
  }

  /** Puts into `ink` the colour at (x, y), x >= 0: white paper, hindwing, forewing and its shade, body. */
  paint(x: number, y: number, pixel: number): void {
    const { specimen, ink, foreSite, hindSite } = this;
    ink.r = 1;
    ink.g = 1;
    ink.b = 1;
    const soft = pixel / 2;
    const fore = specimen.fore.wing.locate(x, y, SHADE, foreSite);
    if (fore < soft) {
      const hind = specimen.hind.wing.locate(x, y, soft, hindSite);
      if (hind > -soft) {
        paintWing(specimen.hind, hindSite, ink, pixel);
        if (fore > -SHADE) darken(ink, 0.3 * (1 + fore / SHADE) ** 2);
        cover(ink, 1, 1, 1, 0.5 - hind / pixel);
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

/** Lays the colour below back over the ink. */
function cover(ink: Ink, r: number, g: number, b: number, t: number): void {
  if (t <= 0) return;
  ink.r += (r - ink.r) * t;
  ink.g += (g - ink.g) * t;
  ink.b += (b - ink.b) * t;
}

/** How far the specimen reaches up, down and to the side, in forewing lengths. */
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
