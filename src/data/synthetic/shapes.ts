// Wing outlines by a few traits, each a number with a natural middle at 0, so that families differ in shape and
// individuals a little in every trait.
import * as exact from "../../engine/math/index.ts";
import type { Draw } from "./random.ts";
import { type Point, type TailPlan, Wing, type WingPlan } from "./wing.ts";

export interface ForeTraits {
  /** Angle of the apex above the horizontal, degrees; about 34..50. */
  readonly raise?: number;
  /** Length of the inner margin, in wing lengths; about 0.5 (narrow) .. 0.85 (broad). */
  readonly breadth?: number;
  /** 0 round apex .. 1 pointed. */
  readonly point?: number;
  /** Curvature of the outer margin: 0.06 hollow, 0 straight, -0.06 full. */
  readonly hollow?: number;
  readonly scallop?: number;
}

export function forewing(draw: Draw, traits: ForeTraits = {}): Wing {
  const raise = (traits.raise ?? 40) + 6 * draw.bell();
  const breadth = (traits.breadth ?? 0.68) + 0.09 * draw.bell();
  const point = Math.min(1, Math.max(0, (traits.point ?? 0.4) + 0.45 * draw.bell()));
  const hollow = (traits.hollow ?? 0) + 0.035 * draw.bell();
  const bulge = 8.5 + 4 * draw.bell();
  const inner = 3 + 3 * draw.bell();
  const span = raise + inner;
  // Margin radius between apex (t = 0) and tornus (t = 1): a straight chord is shorter in the middle.
  const margin = (t: number): number => {
    const chord = 1 / ((1 - t) / 0.985 + t / breadth);
    return chord * (1 + (0.055 - hollow) * exact.sin(Math.PI * t));
  };
  const outline: Point[] = [
    [-raise - bulge - 3, 0.26],
    [-raise - bulge + 0.5, 0.55],
    [-raise - bulge * 0.55, 0.82],
    [-raise - 2.2 + 1.2 * point, 0.955 + 0.02 * point],
    [-raise + 1.8 - point, 1],
    [-raise + 7 - 2 * point, margin(0.07) + 0.02 - 0.015 * point],
    [-raise + span * 0.28, margin(0.28)],
    [-raise + span * 0.5, margin(0.5)],
    [-raise + span * 0.72, margin(0.72)],
    [inner - 7, margin(0.92) * 0.995],
    [inner, breadth * 0.94],
    [inner + 2.5, breadth * 0.72],
    [inner + 3.5, breadth * 0.36],
  ];
  const plan: WingPlan = {
    root: [0.02, -0.03],
    outline,
    apex: -raise + 1,
    cells: 8,
    scallop: (traits.scallop ?? 0.006) + 0.004 * draw.bell(),
    discal: [0.2, 0.62, 0.54],
    bow: 0.02,
  };
  return new Wing(plan);
}

export interface HindTraits {
  /** Length to the outer margin, in forewing lengths; about 0.6..0.8. */
  readonly length?: number;
  /** Extension of the lower end downwards: 0 round .. 1 long. */
  readonly drawn?: number;
  readonly scallop?: number;
  readonly tail?: Partial<TailPlan>;
}

export function hindwing(draw: Draw, traits: HindTraits = {}): Wing {
  const length = (traits.length ?? 0.66) + 0.055 * draw.bell();
  const drawn = Math.min(1, Math.max(0, (traits.drawn ?? 0.3) + 0.35 * draw.bell()));
  const wide = 1 + 0.09 * draw.bell();
  const low = length * (0.86 + 0.26 * drawn);
  const outline: Point[] = [
    [-48, length * 0.27],
    [-33, length * 0.6],
    [-15, length * 0.86],
    [-5, length * 0.97 * wide],
    [6, length * 1.02 * wide],
    [21, length * 1.03 * wide],
    [37, length * 1.01],
    [52, length * (0.99 + 0.1 * drawn)],
    [66, length * (0.95 + 0.19 * drawn)],
    [78, low],
    [86, low * 0.9],
    [90, low * 0.66],
    [90, low * 0.34],
  ];
  const tail: TailPlan | undefined =
    traits.tail === undefined
      ? undefined
      : {
          at: (traits.tail.at ?? 62) + 3 * draw.bell(),
          length: (traits.tail.length ?? 0.24) * (1 + 0.25 * draw.bell()),
          stem: traits.tail.stem ?? 0.02,
          club: (traits.tail.club ?? 0.034) * (1 + 0.3 * draw.bell()),
          bend: traits.tail.bend ?? 0.05 * (1 + draw.bell()),
        };
  const plan: WingPlan = {
    root: [0.02, 0.03],
    outline,
    apex: 2,
    cells: 7,
    scallop: (traits.scallop ?? 0.035) + 0.02 * draw.bell(),
    discal: [0.38, 0.7, 0.5],
    bow: 0.015,
    ...(tail === undefined ? {} : { tail }),
  };
  return new Wing(plan);
}
