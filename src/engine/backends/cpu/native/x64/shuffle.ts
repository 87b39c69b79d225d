// Shuffles of the lanes of two vectors.

import type { Register } from "../code.ts";
import type { Context } from "./context.ts";
import { RAX } from "./registers.ts";
import { EVEX_ONLY, VECTOR } from "./vector_opcodes.ts";

/** Four lanes, each of p (0 to 3) or of q (4 to 7). */
export function shuffle(
  c: Context,
  to: Register,
  p: Register,
  q: Register,
  lanes: readonly number[],
): Register {
  const { code } = c;
  const imm = lanes.reduce((all, lane, i) => all | ((lane & 3) << (2 * i)), 0);
  const key = lanes.join("");
  if (key === "0415" || key === "2637") {
    const op = key === "0415" ? VECTOR.vunpcklps : VECTOR.vunpckhps;
    code.add([to], [p, q], (a, at) => a.vector(op, 1, at(to), at(p), at(q)));
    return to;
  }
  const source = (lane: number): Register => (lane < 4 ? p : q);
  const [low, high] = [source(lanes[0]), source(lanes[2])];
  if (p === q || (source(lanes[1]) === low && source(lanes[3]) === high)) {
    code.add([to], [low, high], (a, at) => a.vector(VECTOR.vshufps, 1, at(to), at(low), at(high), { imm }));
    return to;
  }
  // Each operand brings its lanes to their places, then they are joined.
  const [left, right] = [p, q].map((from) => {
    const moved = code.vector(16);
    code.add([moved], [from], (a, at) => a.vector(VECTOR.vshufps, 1, at(moved), at(from), at(from), { imm }));
    return moved;
  });
  const fromRight = lanes.reduce((all, lane, i) => all | (lane < 4 ? 0 : 1 << i), 0);
  code.add([to], [left, right], (a, at) => {
    if (a.evex) {
      a.moveConstant(RAX, fromRight);
      a.maskFromInt(1, RAX);
      a.vector(EVEX_ONLY.vblendmps, 1, at(to), at(left), at(right), { mask: 1 });
    } else a.vector(VECTOR.vblendps, 1, at(to), at(left), at(right), { imm: fromRight });
  });
  return to;
}
