// The body every family wears, with its own colours.
import type { BodyPlan } from "../body.ts";
import { type Color, hex, mix } from "../color.ts";
import type { Draw } from "../random.ts";

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
