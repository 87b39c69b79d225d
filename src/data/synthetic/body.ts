// Body and antennae: head, thorax and abdomen as soft round shapes on the centre line, two thin curves with
// clubs at their ends. Lengths in forewing lengths, y down, the wings' roots near (0, 0).
import * as exact from "../../engine/math/index.ts";
import type { Color } from "./color.ts";
import { blend, edge, type Ink } from "./layers.ts";

export interface BodyPlan {
  readonly color: Color;
  /** Colour of rings or of the sides of the abdomen. */
  readonly accent: Color;
  /** Share of the accent in the abdomen, 0..1. */
  readonly rings: number;
  readonly antenna: Color;
  /** Length of the abdomen below the wings' roots. */
  readonly length: number;
  /** Half-width of the thorax. */
  readonly girth: number;
  /** Length of the antennae, and how far out their tips lean. */
  readonly reach: number;
  readonly lean: number;
}

/** The extent of the body along y. */
export function bodyExtent(plan: BodyPlan): { top: number; bottom: number } {
  return { top: -0.16 - plan.reach, bottom: plan.length };
}

/** Paints body and antennae over the ink at (x, y), x >= 0. */
export function paintBody(plan: BodyPlan, x: number, y: number, ink: Ink, pixel: number): void {
  if (x > plan.lean + 0.06) return;
  const half = halfWidth(plan, y);
  const inside = half > 0 ? edge(half - x, pixel) : 0;
  if (inside > 0) {
    const side = Math.min(1, x / (half + 1e-6));
    const light = 1.25 - 0.55 * side * side;
    const wave = 0.5 + 0.5 * exact.cos((y - 0.1) * 95);
    const ring = y > 0.1 ? plan.rings * wave * Math.min(1, side + 0.35) : 0;
    const { color, accent } = plan;
    ink.r += (shaded(color[0], accent[0], ring, light) - ink.r) * inside;
    ink.g += (shaded(color[1], accent[1], ring, light) - ink.g) * inside;
    ink.b += (shaded(color[2], accent[2], ring, light) - ink.b) * inside;
  }
  const feeler = antenna(plan, x, y, pixel) * (1 - inside);
  if (feeler > 0) blend(ink, plan.antenna, feeler);
}

function shaded(color: number, accent: number, ring: number, light: number): number {
  return Math.min(1, (color + (accent - color) * ring) * light);
}

/** Half the body's width at height y; 0 above the head and below the tip. */
function halfWidth(plan: BodyPlan, y: number): number {
  const head = ellipse(y, -0.135, 0.042, plan.girth * 0.62);
  const thorax = ellipse(y, -0.015, 0.115, plan.girth);
  const middle = (plan.length + 0.02) / 2;
  const abdomen = ellipse(
    y,
    middle,
    plan.length - middle,
    plan.girth * (0.82 - 0.3 * (y / plan.length - 0.3)),
  );
  return Math.max(head, thorax, abdomen);
}

function ellipse(y: number, centre: number, half: number, width: number): number {
  const t = (y - centre) / half;
  return t * t >= 1 ? 0 : width * Math.sqrt(1 - t * t);
}

/** Coverage of the right antenna: x = root + lean * t^1.4 for t in 0..1 up its height, with a club. */
function antenna(plan: BodyPlan, x: number, y: number, pixel: number): number {
  const t = (-0.15 - y) / plan.reach;
  if (t < -0.02 || t > 1.06) return 0;
  const s = Math.min(1, Math.max(0, t));
  const middle = 0.014 + plan.lean * exact.pow(s, 1.3);
  const slope = (plan.lean * 1.3 * exact.pow(s, 0.3)) / plan.reach;
  const club = exact.exp(-exact.square((t - 0.95) / 0.07));
  const width = 0.0075 + 0.011 * club;
  const off = Math.abs(x - middle) / Math.sqrt(1 + slope * slope);
  const cap = edge((1.03 - t) * plan.reach, pixel);
  // A line thinner than a sample covers only its share of it.
  return edge(width - off, pixel) * cap * Math.min(1, (2 * width) / pixel);
}
