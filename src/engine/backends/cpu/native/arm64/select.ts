// Comparisons of lanes and choices by them.

import type { Expr, Operation } from "../../simd/expr.ts";
import type { Register } from "../code.ts";
import { newLabel } from "../label.ts";
import { type Assembler, negate } from "./assembler.ts";
import { type Context, vector } from "./context.ts";
import { compare } from "./integers.ts";
import type { Binary } from "./vector_opcodes.ts";

/** Comparisons: the instruction, and whether the operands swap. */
const COMPARISONS: Readonly<Partial<Record<Operation, readonly [Binary, boolean]>>> = {
  "f32x4.eq": ["fcmeq", false],
  "f32x4.ne": ["fcmeq", false],
  "f32x4.lt": ["fcmgt", true],
  "f32x4.le": ["fcmge", true],
  "f32x4.gt": ["fcmgt", false],
  "i32x4.lt_s": ["cmgt", true],
};

/** Lanes of ones where a comparison holds; undefined where the expression is none. */
export function compareLanes(c: Context, e: Expr, to: Register): Register | undefined {
  const known = e.kind === "op" ? COMPARISONS[e.op] : undefined;
  if (known === undefined || e.kind !== "op") return undefined;
  const [operation, swaps] = known;
  const [p, q] = (swaps ? e.args.toReversed() : e.args).map((operand) => vector(c, operand));
  c.code.add([to], [p, q], (a, at) => {
    a.binary(operation, at(to), at(p), at(q));
    if (e.op === "f32x4.ne") a.unary("mvn", at(to), at(to));
  });
  return to;
}

/** Bits of x where the mask's are ones, otherwise of y. */
export function laneSelect(c: Context, to: Register, x: Expr, y: Expr, mask: Expr): Register {
  const [m, p, q] = [mask, x, y].map((e) => vector(c, e));
  c.code.add([to], [m, p, q], (a, at) => chooseBits(a, at(to), at(m), at(p), at(q)), [m, p, q]);
  return to;
}

/** to = m ? p : q, bit by bit; `to` may be any of them. */
export function chooseBits(a: Assembler, to: number, m: number, p: number, q: number): void {
  if (to === p && to !== m) {
    a.binary("bif", to, q, m);
  } else if (to === q && to !== m) {
    a.binary("bit", to, p, m);
  } else {
    a.moveVector(to, m);
    a.binary("bsl", to, p, q);
  }
}

/** condition ? x : y, for a whole value. */
export function selectWhole(
  c: Context,
  isScalar: boolean,
  to: Register,
  x: Expr,
  y: Expr,
  truth: Expr,
): Register {
  const [p, q] = [vector(c, x), vector(c, y)];
  const { condition, reads, emit } = compare(c, truth);
  c.code.add(
    [to],
    [p, q, ...reads],
    (a, at) => {
      emit(a, at);
      if (isScalar) {
        a.chooseScalar(condition, at(to), at(p), at(q));
        return;
      }
      const done = newLabel();
      if (at(to) === at(p)) {
        a.jumpIf(condition, done);
        a.moveVector(at(to), at(q));
      } else {
        a.moveVector(at(to), at(q));
        a.jumpIf(negate(condition), done);
        a.moveVector(at(to), at(p));
      }
      a.bind(done);
    },
    [q, p],
  );
  return to;
}
