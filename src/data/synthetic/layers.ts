// The layers of a wing's pattern, bottom to top: ground, veins, bands, borders, rows of spots, eyespots, glows. Each
// factory returns a `Layer`, a function that changes the ink at one place of the wing. Positions and widths named v are
// fractions of the radius, everything else is in forewing lengths.
import * as exact from "../../engine/math/index.ts";
import type { Color } from "./color.ts";
import type { Site, Wing } from "./wing.ts";

/** The colour being painted at one sample, sRGB in [0, 1]. */
export interface Ink {
  r: number;
  g: number;
  b: number;
}

/** Paints one site; `pixel` is the distance between samples, for soft edges. */
export type Layer = (at: Site, ink: Ink, pixel: number) => void;

/** One number per cell of the wing, or one for all. */
export type PerCell = number | readonly number[];

/** A gradient from `inner` at the root to `outer` at the margin, between `from` and `to`. */
export function ground(inner: Color, outer: Color = inner, from = 0.2, to = 1): Layer {
  return (at, ink) => {
    const t = ramp(from, to, at.v);
    ink.r = inner[0] + (outer[0] - inner[0]) * t;
    ink.g = inner[1] + (outer[1] - inner[1]) * t;
    ink.b = inner[2] + (outer[2] - inner[2]) * t;
  };
}

/** Lines along the veins, `flare` times wider at the margin. */
export function veins(color: Color, width: number, options: { flare?: number; alpha?: number } = {}): Layer {
  const { flare = 0, alpha = 1 } = options;
  return (at, ink, pixel) => {
    const w = width * (1 + flare * at.v * at.v * at.v);
    if (at.vein < w + pixel) blend(ink, color, alpha * edge(w - at.vein, pixel));
  };
}

/** Widths of a border at the costa, the apex, and the end of the inner margin, before `bite`. */
export interface BorderOptions {
  readonly costa?: number;
  readonly apex: number;
  readonly tornus: number;
  /** Width along the inner margin, at the body. */
  readonly inner?: number;
  /** Depth of the border along the veins, as a share of its width. */
  readonly bite?: number;
  readonly soft?: number;
}

/** A border along the edge of the wing. */
export function border(wing: Wing, color: Color, options: BorderOptions): Layer {
  const { costa = 0.02, apex, tornus, bite = 0, soft = 0.01, inner = 0 } = options;
  const last = wing.veins[wing.cells - 1];
  return (at, ink, pixel) => {
    let width: number;
    if (at.tail) {
      width = 1;
    } else if (at.u < wing.apex) {
      width = costa + (apex - costa) * ramp(wing.apex * 0.35, wing.apex, at.u);
    } else {
      const t = (at.u - wing.apex) / (1 - wing.apex);
      width = apex + (tornus - apex) * t;
      if (at.u > last) width += (inner - width) * ramp(last, 1, at.u);
      width *= 1 + bite * (at.c * at.c - 0.35);
    }
    blend(ink, color, edge(width - at.edge, Math.max(pixel, soft)));
  };
}

export interface SpotsOptions {
  /** Position of the spot's centre along each cell. */
  readonly v: PerCell;
  /** Half its length along the cell, in v. */
  readonly length: PerCell;
  /** Half its width as a share of half the cell's; 0 means no spot. */
  readonly width: PerCell;
  /** Bends the spot into a crescent, points outwards when positive, in lengths. */
  readonly bend?: number;
  /** 2: an ellipse; 4: a block with round corners; 1: a lozenge. */
  readonly power?: 1 | 2 | 4;
  readonly soft?: number;
  readonly alpha?: number;
}

/** One spot in every cell: marginal rows, crescents, rays, broken bands. */
export function spots(wing: Wing, color: Color, options: SpotsOptions): Layer {
  const { bend = 0, power = 2, soft = 0.01, alpha = 1 } = options;
  const v = perCell(wing, options.v);
  const length = perCell(wing, options.length);
  const width = perCell(wing, options.width);
  return (at, ink, pixel) => {
    const w = width[at.cell];
    if (w <= 0 || at.tail) return;
    const l = length[at.cell];
    const x = at.c / w;
    const y = (at.v - v[at.cell]) / l - bend * x * x;
    if (y > 1.4 || y < -1.4 || x > 1.4 || x < -1.4) return;
    const size = Math.min(w * at.half, l * at.reach);
    blend(ink, color, alpha * edge((1 - norm(x, y, power)) * size, Math.max(pixel, soft)));
  };
}

export interface BandOptions {
  /** v of the band's centre at u = 0, 0.5 and 1; a parabola in between. */
  readonly v: readonly [number, number, number];
  /** Half-width in v at u = 0 and u = 1. */
  readonly width: readonly [number, number];
  /** Start and end in u. */
  readonly u?: readonly [number, number];
  /** Bulge between veins, in v. */
  readonly bulge?: number;
  /** Half the gap along each vein, which breaks the band into blocks. */
  readonly gap?: number;
  readonly soft?: number;
  readonly alpha?: number;
}

/** A band across the veins. */
export function band(color: Color, options: BandOptions): Layer {
  const { u = [0, 1], bulge = 0, gap = 0, soft = 0.012, alpha = 1 } = options;
  const [a, b, c] = options.v;
  const [w0, w1] = options.width;
  return (at, ink, pixel) => {
    if (at.u < u[0] || at.u > u[1] || at.tail) return;
    const middle = parabola(a, b, c, at.u) + bulge * (0.4 - at.c * at.c);
    const width = w0 + (w1 - w0) * at.u;
    const inside = (width - Math.abs(at.v - middle)) * at.reach;
    if (inside < -soft - pixel) return;
    const smoothness = Math.max(pixel, soft);
    let t = alpha * edge(inside, smoothness) * ends(at.u, u, 0.02);
    if (gap > 0) t *= edge(at.vein - gap, pixel);
    blend(ink, color, t);
  };
}

/** A bar across the discal cell. */
export function bar(color: Color, v: number, width: number, alpha = 1): Layer {
  return (at, ink, pixel) => {
    if (!at.discal) return;
    const inside = (width - Math.abs(at.v - v)) * at.reach;
    const t = edge(inside, Math.max(pixel, 0.01)) * edge(at.vein - 0.004, pixel);
    blend(ink, color, alpha * t);
  };
}

export interface StripeOptions {
  /** Distance of the stripe from the root, along the direction `angle`. */
  readonly at: number;
  /** Direction across the stripe, in degrees clockwise from x. */
  readonly angle: number;
  /** Half-width at the costa and at the inner margin. */
  readonly width: readonly [number, number];
  readonly u?: readonly [number, number];
  /** Bends the stripe outwards in its centre. */
  readonly curve?: number;
}

/** A straight stripe, as on tigers and zebras. */
export function stripe(color: Color, options: StripeOptions): Layer {
  const { at: distance, angle, width, u = [0, 1], curve = 0 } = options;
  const cos = exact.cos((angle * Math.PI) / 180);
  const sin = exact.sin((angle * Math.PI) / 180);
  return (at, ink, pixel) => {
    if (at.u < u[0] || at.u > u[1] || at.tail) return;
    const t = (at.u - u[0]) / (u[1] - u[0]);
    const w = width[0] + (width[1] - width[0]) * t;
    const off = Math.abs(at.x * cos + at.y * sin - distance - curve * t * (1 - t) * 4);
    if (off > w + pixel + 0.02) return;
    blend(ink, color, edge(w - off, Math.max(pixel, 0.012)) * ends(at.u, u, 0.02));
  };
}

/** A ring of an eyespot: everything within `radius` (a share of the whole) that later rings do not cover. */
export interface Ring {
  readonly color: Color;
  readonly radius: number;
}

/** Rings around (u, v), `radius` wide, with the pupil's highlight moved a little outwards by `shift`. */
export function eyespot(
  wing: Wing,
  u: number,
  v: number,
  radius: number,
  rings: readonly Ring[],
  options: { stretch?: number; shift?: number; soft?: number } = {},
): Layer {
  const { stretch = 1, shift = 0, soft = 0.008 } = options;
  const [cx, cy] = wing.place(u, v);
  const far = exact.hypot(cx, cy) + 1e-9;
  const [ax, ay] = [cx / far, cy / far];
  return (at, ink, pixel) => {
    const dx = at.x - cx;
    const dy = at.y - cy;
    const along = dx * ax + dy * ay;
    const across = (dy * ax - dx * ay) / stretch;
    if (Math.abs(along) > radius * 1.2 || Math.abs(across) > radius * 1.2) return;
    for (const ring of rings) {
      const off = along - shift * radius * (1 - ring.radius);
      const distance = Math.sqrt(off * off + across * across);
      blend(ink, ring.color, edge(ring.radius * radius - distance, Math.max(pixel, soft)));
    }
  };
}

/** A soft patch of colour around (u, v), radii along and across the wing's ray. */
export function glow(
  wing: Wing,
  color: Color,
  options: { u: number; v: number; length: number; width: number; alpha?: number; power?: number },
): Layer {
  const { u, v, length, width, alpha = 1, power = 2 } = options;
  const [cx, cy] = wing.place(u, v);
  const far = exact.hypot(cx, cy) + 1e-9;
  const [ax, ay] = [cx / far, cy / far];
  return (at, ink) => {
    const dx = at.x - cx;
    const dy = at.y - cy;
    const along = (dx * ax + dy * ay) / length;
    const across = (dy * ax - dx * ay) / width;
    const d = along * along + across * across;
    if (d < 4) blend(ink, color, alpha * exact.exp(-exact.pow(d, power / 2) * 1.2));
  };
}

/** A tint at the root, fading out at v = `reach`. */
export function base(color: Color, reach: number, alpha = 1): Layer {
  return (at, ink) => {
    if (at.v < reach) blend(ink, color, alpha * (1 - ramp(0, reach, at.v)));
  };
}

/** The apex beyond a slanting line: at v `near` on the costa and at u `until` on the margin. */
export function apical(wing: Wing, color: Color, near: number, until: number, soft = 0.02): Layer {
  const [ax, ay] = wing.place(wing.apex * 0.6, near);
  const [bx, by] = wing.place(until, 1);
  const length = exact.hypot(bx - ax, by - ay);
  const [nx, ny] = [-(by - ay) / length, (bx - ax) / length];
  return (at, ink, pixel) => {
    const t = ((at.x - ax) * (bx - ax) + (at.y - ay) * (by - ay)) / (length * length);
    const dip = 0.05 * exact.sin(Math.PI * Math.min(1, Math.max(0, t)));
    const beyond = -((at.x - ax) * nx + (at.y - ay) * ny) - dip + 0.02 * at.c * at.c;
    blend(ink, color, edge(beyond, Math.max(pixel, soft)));
  };
}

/** Light and grain: cells slightly arched between veins, scales running along the wing. */
export function relief(strength: number, phase: number): Layer {
  return (at, ink) => {
    const arch = at.discal ? 0.3 : at.c * at.c;
    const grain = wave(at.u * 30 + phase) * wave(at.u * 13 + at.v * 1.4 + phase * 3);
    const light = 1 + strength * (0.45 - arch + 0.35 * grain);
    ink.r *= light;
    ink.g *= light;
    ink.b *= light;
  };
}

/** Mixes the colour into the ink. */
export function blend(ink: Ink, color: Color, t: number): void {
  if (t <= 0) return;
  ink.r += (color[0] - ink.r) * t;
  ink.g += (color[1] - ink.g) * t;
  ink.b += (color[2] - ink.b) * t;
}

/** Coverage of an edge: 0 at half a width outside, 1 at half a width inside. */
export function edge(inside: number, width: number): number {
  return Math.min(1, Math.max(0, inside / width + 0.5));
}

/** Smooth step from 0 at `from` to 1 at `to`. */
function ramp(from: number, to: number, x: number): number {
  const t = Math.min(1, Math.max(0, (x - from) / (to - from)));
  return t * t * (3 - 2 * t);
}

/** A cheap wave of period 1 between -1 and 1, shaped nearly like a sine. */
function wave(x: number): number {
  const t = (x - Math.floor(x)) * 4 - 2;
  return t * (2 - Math.abs(t));
}

function ends(u: number, [from, to]: readonly [number, number], soft: number): number {
  const start = from <= 0 ? 1 : Math.min(1, (u - from) / soft);
  const stop = to >= 1 ? 1 : Math.min(1, (to - u) / soft);
  return Math.min(start, stop);
}

function norm(x: number, y: number, power: 1 | 2 | 4): number {
  if (power === 1) return Math.abs(x) + Math.abs(y);
  if (power === 2) return Math.sqrt(x * x + y * y);
  return Math.sqrt(Math.sqrt(x * x * x * x + y * y * y * y));
}

function parabola(a: number, b: number, c: number, t: number): number {
  return a * (1 - t) * (1 - 2 * t) + b * 4 * t * (1 - t) + c * t * (2 * t - 1);
}

function perCell(wing: Wing, value: PerCell): Float64Array {
  const values = new Float64Array(wing.cells);
  for (let cell = 0; cell < values.length; cell++) {
    values[cell] = typeof value === "number" ? value : (value[cell] ?? value.at(-1) ?? 0);
  }
  return values;
}
