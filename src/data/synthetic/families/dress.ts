// What every family wears: wings with a dark rim and a relief on top of their pattern, and a body, in its own colours.
import type { BodyPlan } from "../body.ts";
import { type Color, hex, mix } from "../color.ts";
import { type Layer, relief } from "../layers.ts";
import type { Draw } from "../random.ts";
import type { PaintedWing } from "../specimen.ts";
import type { Wing } from "../wing.ts";

/** The rim's colour and width, and the strength of the relief. */
export interface Finish {
  readonly rim: Color;
  readonly width: number;
  readonly relief: number;
}

/** A wing with its pattern, finished. */
export function painted(draw: Draw, wing: Wing, finish: Finish, pattern: readonly Layer[]): PaintedWing {
  const layers = [...pattern, relief(finish.relief, draw.range(0, 6))];
  return { wing, layers, rim: finish.rim, rimWidth: finish.width };
}

/** A body in the wing's dark colour; `rings` is how much of the accent shows on the abdomen, 0..1. */
export function bodyOf(draw: Draw, color: Color, accent: Color, rings = 0, length = 0.44): BodyPlan {
  return {
    color,
    accent,
    rings,
    antenna: mix(color, hex(0x2a1c12), 0.5),
    length: length * (1 + 0.12 * draw.bell()),
    girth: 0.05 * (1 + 0.12 * draw.bell()),
    reach: 0.3 * (1 + 0.15 * draw.bell()),
    lean: 0.17 * (1 + 0.3 * draw.bell()),
  };
}
