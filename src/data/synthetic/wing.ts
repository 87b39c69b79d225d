// The shape of one wing and coordinates on it.
//
// A wing is star-shaped around its root, so it is a table of radii over the angle. A point has the coordinates
//   u  0 at the leading edge (costa) .. 1 at the trailing edge (inner margin), by angle;
//   v  0 at the root .. 1 at the margin, by radius.
// Veins are lines of (nearly) constant u, bands lines of constant v, and the spaces between veins ("cells") carry the
// spots: the plan of real wing patterns (Nijhout, "The Development and Evolution of Butterfly Wing Patterns", 1991).
//
// Lengths are in forewing lengths; x points away from the body, y down. Angles run clockwise from x.

import * as exact from "../../engine/math/index.ts";

/** A point [x, y] in forewing lengths. */
export type Point = readonly [number, number];

/** A circle [x, y, radius]. */
type Circle = readonly [number, number, number];

interface Box {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** The parameters of a wing's shape. */
export interface WingPlan {
  /** Where the wing joins the body. */
  readonly root: Point;
  /** Outline as (angle in degrees, radius) seen from the root, from costa to inner margin; interpolated smoothly. */
  readonly outline: readonly Point[];
  /** Angle of the apex in degrees; the costa lies before it. */
  readonly apex: number;
  /** Number of cells between veins along the outer margin. */
  readonly cells: number;
  /** Depth of the margin between veins (positive: dips, negative: bulges), in radii; about -0.03..0.06. */
  readonly scallop: number;
  /** The discal cell: its range of u, and its end in v. */
  readonly discal: readonly [number, number, number];
  /** Curvature of the veins towards the inner margin, in u. */
  readonly bow: number;
  readonly tail?: TailPlan;
}

/** A tail on the hindwing: a stem from the margin with a club at its end. */
export interface TailPlan {
  /** Angle of its base on the margin, in degrees. */
  readonly at: number;
  /** Length beyond the margin. */
  readonly length: number;
  /** Half-width of the stem. */
  readonly stem: number;
  /** Half-width of the club at the end. */
  readonly club: number;
  /** Sideways bend at the tip; positive outwards. */
  readonly bend: number;
}

/** A point's coordinates on a wing, filled in by `Wing.locate`. */
export class Site {
  u = 0;
  v = 0;
  /** Offset from the root. */
  x = 0;
  y = 0;
  /** Length from root to margin along this ray. */
  reach = 1;
  /** Distance to the outline, positive inside. */
  edge = 0;
  /** Index of the cell between veins. */
  cell = 0;
  /** Position across the cell, -1 at the vein before it .. 1 at the vein after it. */
  c = 0;
  /** Half the width of the cell here. */
  half = 0;
  /** Distance to the nearest visible vein. */
  vein = 0;
  /** Inside the discal cell. */
  discal = false;
  /** On the tail, outside the wing proper. */
  tail = false;
}

const ANGLES = 512;
const STEPS_PER_SPAN = 16;

export class Wing {
  readonly root: Point;
  /** u of the apex. */
  readonly apex: number;
  readonly cells: number;
  /** u of the veins between cells: `cells + 1` values from the first to the last. */
  readonly veins: Float64Array;
  /** The least and greatest x and y of the wing with its tail. */
  readonly box: Box;

  private readonly plan: WingPlan;
  private readonly start: number;
  private readonly sweep: number;
  private readonly radii = new Float64Array(ANGLES + 2);
  private readonly cellOf = new Int32Array(ANGLES + 2);
  private readonly tail: readonly Circle[];
  private readonly tailBox: Box;
  private readonly farthest: number;

  constructor(plan: WingPlan) {
    this.plan = plan;
    this.root = plan.root;
    this.cells = plan.cells;
    const polyline = smooth([[0, 0], ...plan.outline.map(fromPolar), [0, 0]]);
    const angles = polyline.filter(([x, y]) => exact.hypot(x, y) > 0.05).map(([x, y]) => exact.atan2(y, x));
    this.start = Math.min(...angles);
    this.sweep = Math.max(...angles) - this.start;
    this.apex = ((plan.apex * Math.PI) / 180 - this.start) / this.sweep;
    this.fillRadii(polyline);
    this.veins = placeVeins(this.apex, plan.cells);
    for (let i = 0; i < this.cellOf.length; i++) {
      let cell = 0;
      while (cell < plan.cells - 1 && i / ANGLES > (this.veins[cell + 1] ?? 1)) cell++;
      this.cellOf[i] = cell;
    }
    this.scallop(plan.scallop);
    this.tail = plan.tail === undefined ? [] : this.growTail(plan.tail);
    this.tailBox = boxOf(this.tail);
    const margin: Circle[] = [[0, 0, 0]];
    for (let i = 0; i <= ANGLES; i += 4) margin.push([...this.place(i / ANGLES, 1), 0]);
    const { x0, y0, x1, y1 } = boxOf([...margin, ...this.tail]);
    const [rootX, rootY] = this.root;
    this.box = { x0: x0 + rootX, y0: y0 + rootY, x1: x1 + rootX, y1: y1 + rootY };
    this.farthest = Math.max(...this.radii, ...this.tail.map(([x, y, r]) => exact.hypot(x, y) + r));
  }

  /** Radius of the outline at u. */
  reachAt(u: number): number {
    const at = Math.min(1, Math.max(0, u)) * ANGLES;
    const i = Math.floor(at);
    return this.radii[i] + (this.radii[i + 1] - this.radii[i]) * (at - i);
  }

  /** The offset from the root of the point (u, v). */
  place(u: number, v: number): Point {
    const angle = this.start + u * this.sweep;
    const r = v * this.reachAt(u);
    return [exact.cos(angle) * r, exact.sin(angle) * r];
  }

  /**
   * Computes the coordinates of (x, y), in forewing lengths from the body's centre line. Returns the signed distance to
   * the outline, positive inside; below `-margin` the site is left unset.
   */
  locate(x: number, y: number, margin: number, site: Site): number {
    if (!near(this.box, x, y, margin)) return -1;
    x -= this.root[0];
    y -= this.root[1];
    const r = Math.sqrt(x * x + y * y) + 1e-9;
    if (r > this.farthest + margin) return -1;
    const angle = (exact.atan2(y, x) - this.start) / this.sweep;
    const u = Math.min(1, Math.max(0, angle));
    const at = u * ANGLES;
    const i = Math.floor(at);
    const slope = this.radii[i + 1] - this.radii[i];
    const reach = this.radii[i] + slope * (at - i);
    // To first order, the distance is r - reach(angle) divided by the length of its gradient.
    const turn = (slope * ANGLES) / this.sweep / r;
    let edge = (reach - r) / Math.sqrt(1 + turn * turn);
    const outside = angle < 0 ? -angle : angle > 1 ? angle - 1 : 0;
    if (outside > 0) {
      const away = r * exact.sin(Math.min(Math.PI / 2, outside * this.sweep));
      edge = Math.min(edge, -away);
    }
    site.tail = false;
    if (edge < 0 && this.tail.length > 0 && near(this.tailBox, x, y, margin)) {
      const onTail = tailDistance(this.tail, x, y);
      if (onTail > edge) {
        edge = onTail;
        site.tail = edge > -margin;
      }
    }
    if (edge < -margin) return edge;
    const v = r / reach;
    const bowed = u + this.plan.bow * 4 * v * (1 - Math.min(1, v));
    const at2 = bowed <= 0 ? 0 : bowed >= 1 ? ANGLES : Math.floor(bowed * ANGLES);
    const cell = this.cellOf[at2];
    const low = this.veins[cell];
    const high = this.veins[cell + 1];
    site.u = u;
    site.v = v;
    site.x = x;
    site.y = y;
    site.reach = reach;
    site.edge = edge;
    site.cell = cell;
    site.c = Math.min(1, Math.max(-1, (2 * bowed - low - high) / (high - low)));
    site.half = ((high - low) / 2) * this.sweep * r;
    this.findVein(site, bowed, r);
    return edge;
  }

  private findVein(site: Site, u: number, r: number): void {
    const [from, to, end] = this.plan.discal;
    const arc = this.sweep * r;
    // The cell's outer end is a shallow curve, deeper in the middle.
    const across = (u - from) / (to - from);
    const limit = end * (1 - 0.25 * (across - 0.5) * (across - 0.5));
    const toEnd = (limit - site.v) * site.reach;
    site.discal = across > 0 && across < 1 && toEnd > 0;
    if (site.discal) {
      site.vein = Math.min(toEnd, Math.min(u - from, to - u) * arc);
    } else {
      site.vein = (1 - Math.abs(site.c)) * site.half;
      if (across > 0 && across < 1) site.vein = Math.min(site.vein, -toEnd);
      else if (site.v < end) site.vein = Math.min(site.vein, (across <= 0 ? from - u : u - to) * arc);
    }
  }

  /** Intersects the polyline with the ray of every table entry; the farthest intersection counts. */
  private fillRadii(polyline: readonly Point[]): void {
    const toIndex = ANGLES / this.sweep;
    for (let s = 1; s < polyline.length; s++) {
      const [ax, ay] = polyline[s - 1];
      const [bx, by] = polyline[s];
      if (Math.max(ax * ax + ay * ay, bx * bx + by * by) < 0.0025) continue;
      const from = (exact.atan2(ay, ax) - this.start) * toIndex;
      const to = (exact.atan2(by, bx) - this.start) * toIndex;
      const cross = ax * (by - ay) - ay * (bx - ax);
      const last = Math.min(ANGLES, Math.floor(Math.max(from, to)));
      for (let i = Math.max(0, Math.ceil(Math.min(from, to))); i <= last; i++) {
        const angle = this.start + i / toIndex;
        const r = cross / (exact.cos(angle) * (by - ay) - exact.sin(angle) * (bx - ax));
        if (r > this.radii[i] && r < 2) this.radii[i] = r;
      }
    }
    for (let i = 1; i <= ANGLES + 1; i++) if (this.radii[i] === 0) this.radii[i] = this.radii[i - 1];
    if (this.radii[0] === 0) this.radii[0] = this.radii[1];
  }

  private scallop(depth: number): void {
    if (depth === 0) return;
    for (let i = 0; i <= ANGLES + 1; i++) {
      const u = i / ANGLES;
      const cell = this.cellOf[i];
      const low = this.veins[cell];
      const c = (2 * u - low - this.veins[cell + 1]) / (this.veins[cell + 1] - low);
      const fade = Math.min(1, Math.max(0, (u - this.apex) * 8)) * Math.min(1, Math.max(0, (1 - u) * 8));
      this.radii[i] = this.radii[i] * (1 - depth * fade * (1 - Math.min(1, c * c)));
    }
  }

  /** Circles [x, y, radius] along the tail, from inside the wing to the tip. */
  private growTail(plan: TailPlan): Circle[] {
    const angle = (plan.at * Math.PI) / 180;
    const u = (angle - this.start) / this.sweep;
    const reach = this.reachAt(u);
    const pointing = (plan.at + 90) / 2 + 12;
    const along = (pointing * Math.PI) / 180;
    const circles: Circle[] = [];
    const count = 14;
    for (let i = 0; i <= count; i++) {
      const t = i / count;
      const s = -0.1 + t * (plan.length + 0.1);
      const side = plan.bend * exact.square(Math.max(0, t));
      const x = exact.cos(angle) * reach + exact.cos(along) * s + exact.sin(along) * side;
      const y = exact.sin(angle) * reach + exact.sin(along) * s - exact.cos(along) * side;
      const flare = 0.055 * exact.square(Math.max(0, 1 - t * 2.6));
      const swell = exact.exp(-exact.square((t - 0.86) / 0.2));
      circles.push([x, y, plan.stem + flare + (plan.club - plan.stem) * swell]);
    }
    return circles;
  }
}

/** Veins fan out from the apex to the inner margin, a little closer together near the apex. */
function placeVeins(apex: number, cells: number): Float64Array {
  const veins = new Float64Array(cells + 1);
  const first = apex * 0.82;
  for (let i = 1; i <= cells; i++) {
    const t = i / cells;
    veins[i] = first + (1 - first) * (0.72 * t + 0.28 * t * t);
  }
  veins[0] = 0;
  return veins;
}

/** Signed distance to a chain of circles joined by straight sides, positive inside. */
function tailDistance(circles: readonly Circle[], x: number, y: number): number {
  let best = -1;
  for (let i = 1; i < circles.length; i++) {
    const [ax, ay, ar] = circles[i - 1];
    const [bx, by, br] = circles[i];
    const dx = bx - ax;
    const dy = by - ay;
    const t = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
    const [ex, ey] = [x - ax - dx * t, y - ay - dy * t];
    const distance = ar + (br - ar) * t - Math.sqrt(ex * ex + ey * ey);
    if (distance > best) best = distance;
  }
  return best;
}

function boxOf(circles: readonly Circle[]): Box {
  const box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (const [x, y, r] of circles) {
    if (x - r < box.x0) box.x0 = x - r;
    if (y - r < box.y0) box.y0 = y - r;
    if (x + r > box.x1) box.x1 = x + r;
    if (y + r > box.y1) box.y1 = y + r;
  }
  return box;
}

function near(box: Box, x: number, y: number, margin: number): boolean {
  return x > box.x0 - margin && x < box.x1 + margin && y > box.y0 - margin && y < box.y1 + margin;
}

function fromPolar([degrees, r]: Point): Point {
  const angle = (degrees * Math.PI) / 180;
  return [exact.cos(angle) * r, exact.sin(angle) * r];
}

/** A centripetal-like Catmull-Rom curve through the points, as a dense polyline. */
function smooth(points: readonly Point[]): Point[] {
  const out: Point[] = [];
  const at = (i: number): Point => points[Math.min(points.length - 1, Math.max(0, i))];
  for (let i = 0; i < points.length - 1; i++) {
    const [p0, p1, p2, p3] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    for (let s = 0; s < STEPS_PER_SPAN; s++) {
      const t = s / STEPS_PER_SPAN;
      out.push([cubic(p0[0], p1[0], p2[0], p3[0], t), cubic(p0[1], p1[1], p2[1], p3[1], t)]);
    }
  }
  out.push(at(points.length - 1));
  return out;
}

function cubic(a: number, b: number, c: number, d: number, t: number): number {
  return b + (t / 2) * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}
