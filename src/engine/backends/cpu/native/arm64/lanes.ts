// Operations on the lanes of one vector, and shuffles of two.

import type { LaneExpr } from "../../simd/expr.ts";
import type { Register } from "../code.ts";
import type { Assembler } from "./assembler.ts";
import { type Context, integer, vector } from "./context.ts";
import { V31 } from "./registers.ts";
import type { Binary } from "./vector_opcodes.ts";

/** Into an integer register for i32x4.extract_lane, otherwise into a vector register. */
export function lane(c: Context, e: LaneExpr, to: Register): Register {
  const { code } = c;
  const p = vector(c, e.args[0]);
  const [n] = e.lanes;
  switch (e.op) {
    case "i32x4.extract_lane":
      code.add([to], [p], (a, at) => a.lane("smov", at(to), at(p), n));
      return to;
    case "f32x4.extract_lane":
      code.add([to], [p], (a, at) => a.lane("movFloat", at(to), at(p), n));
      return to;
    case "f64x2.extract_lane":
      code.add([to], [p], (a, at) => a.lane("movDouble", at(to), at(p), n));
      return to;
    case "f32x4.replace_lane": {
      const q = vector(c, e.args[1]);
      code.add(
        [to],
        [p, q],
        (a, at) => {
          const whole = at(to) === at(q) ? V31 : at(to);
          a.moveVector(whole, at(p));
          a.insert(whole, n, at(q), 0);
          a.moveVector(at(to), whole);
        },
        [p],
      );
      return to;
    }
    case "i32x4.replace_lane": {
      const q = integer(c, e.args[1]);
      code.add(
        [to],
        [p, q],
        (a, at) => {
          a.moveVector(at(to), at(p));
          a.lane("insertInteger", at(to), at(q), n);
        },
        [p],
      );
      return to;
    }
    case "shuffle4": {
      const q = vector(c, e.args[1]);
      code.add([to], [p, q], (a, at) => shuffle(a, at(to), at(p), at(q), e.lanes));
      return to;
    }
    default:
      return e.op satisfies never;
  }
}

/** Shuffles of two vectors that are one instruction: lanes of the first are 0 to 3, of the second 4 to 7. */
const PATTERNS: Readonly<Partial<Record<string, Binary>>> = {
  "0415": "zip1",
  "2637": "zip2",
  "0246": "uzp1",
  "1357": "uzp2",
  "0426": "trn1",
  "1537": "trn2",
};

/** to = four lanes, each of p (0 to 3) or of q (4 to 7). */
function shuffle(a: Assembler, to: number, p: number, q: number, given: readonly number[]): void {
  const one = oneInstruction(a, to, p, q, given) || oneInstruction(a, to, q, p, given.map(swapped));
  if (one) return;
  // From the vector that has more lanes in their places, lane by lane.
  const inPlace = (offset: number) => given.filter((lane, i) => lane === i + offset).length;
  const [start, offset] = inPlace(4) > inPlace(0) ? [q, 4] : [p, 0];
  const isFree = to !== p && to !== q;
  const whole = isFree ? to : V31;
  a.moveVector(whole, start);
  given.forEach((lane, i) => {
    if (lane !== i + offset) a.insert(whole, i, lane < 4 ? p : q, lane & 3);
  });
  a.moveVector(to, whole);
}

const swapped = (lane: number): number => lane ^ 4;

/** Writes the shuffle if one instruction does it. */
function oneInstruction(a: Assembler, to: number, p: number, q: number, given: readonly number[]): boolean {
  // Of one vector, lanes of both operands are the same.
  const isOne = p === q || given.every((lane) => lane < 4);
  const second = isOne ? p : q;
  const lanes = isOne ? given.map((lane) => lane & 3) : given;
  const [first] = lanes;
  const matches = (pattern: readonly number[]) =>
    pattern.every((lane, i) => lanes[i] === (isOne ? lane & 3 : lane));
  const known = Object.keys(PATTERNS).find((pattern) => matches([...pattern].map(Number)));
  const operation = known === undefined ? undefined : PATTERNS[known];
  if (operation !== undefined) a.binary(operation, to, p, second);
  else if (first < 4 && lanes.every((lane) => lane === first)) a.lane("dupFloat", to, p, first);
  else if (first > 0 && first < 4 && matches([0, 1, 2, 3].map((i) => first + i)))
    a.extract(to, p, second, first);
  else if (isOne && lanes.join("") === "1032") a.unary("rev64", to, p);
  else if (matches([0, 1, 2, 3])) a.moveVector(to, p);
  else return false;
  return true;
}
