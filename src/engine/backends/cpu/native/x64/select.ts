// Comparisons of lanes and choices by them.

import type { Expr } from "../../simd/expr.ts";
import type { Register } from "../code.ts";
import { newLabel } from "../label.ts";
import type { Assembler, Width } from "./assembler.ts";
import { CONDITION } from "./assembler.ts";
import type { Context, Form } from "./context.ts";
import { integer } from "./integers.ts";
import { last, vector } from "./operands.ts";
import { COMPARE, EVEX_ONLY, VECTOR } from "./vector_opcodes.ts";

/** The mask register that comparisons write; no value stays in it. */
const MASK = 1;

export function moveVector(a: Assembler, width: Width, to: number, from: number): void {
  if (to !== from) a.vector(VECTOR.vmovaps, width, to, 0, from);
}

/** A predicate of vcmpps, or "less" of integers. */
type Predicate = (typeof COMPARE)[keyof typeof COMPARE] | "integers";

/** Comparisons: predicate, and whether the operands swap. */
const COMPARISONS: Readonly<Record<string, readonly [Predicate, boolean]>> = {
  "f32x4.eq": [COMPARE.eq, false],
  "f32x4.ne": [COMPARE.ne, false],
  "f32x4.lt": [COMPARE.lt, false],
  "f32x4.le": [COMPARE.le, false],
  "f32x4.gt": [COMPARE.lt, true],
  "i32x4.lt_s": ["integers", false],
};

/** The predicate and the operands in its order; undefined where the expression is no comparison. */
function comparison(
  e: Expr,
): { readonly predicate: Predicate; readonly operands: readonly Expr[] } | undefined {
  const known = e.kind === "op" ? COMPARISONS[e.op] : undefined;
  if (known === undefined || e.kind !== "op") return undefined;
  const [predicate, swaps] = known;
  return { predicate, operands: swaps ? e.args.toReversed() : e.args };
}

/** Lanes of ones where a comparison holds; undefined where the expression is none. */
export function compareLanes(c: Context, e: Expr, form: Form, to: Register): Register | undefined {
  const compared = comparison(e);
  if (compared === undefined) return undefined;
  const { predicate, operands } = compared;
  const [p, q] = operands.map((operand) => vector(c, operand, form));
  c.code.add([to], [p, q], (a, at) => compareInto(a, predicate, form.width, at(to), at(p), at(q)));
  return to;
}

/** Lanes of ones where p and q compare so. */
export function compareInto(
  a: Assembler,
  predicate: Predicate,
  width: Width,
  to: number,
  p: number,
  q: number,
): void {
  if (a.evex) {
    toMask(a, predicate, width, p, q);
    a.vector(EVEX_ONLY.vpmovm2d, width, to, 0, MASK);
  } else if (predicate === "integers") a.vector(VECTOR.vpcmpgtd, width, to, q, p);
  else a.vector(VECTOR.vcmpps, width, to, p, q, { imm: predicate });
}

function toMask(a: Assembler, predicate: Predicate, width: Width, p: number, q: number): void {
  if (predicate === "integers") a.vector(EVEX_ONLY.vpcmpdToMask, width, MASK, p, q, { imm: COMPARE.lt });
  else a.vector(EVEX_ONLY.vcmppsToMask, width, MASK, p, q, { imm: predicate });
}

/** Bits of x where the mask's are ones, otherwise of y. */
export function bitSelect(c: Context, form: Form, to: Register, mask: Expr, x: Expr, y: Expr): Register {
  const { width } = form;
  // AVX-512 chooses by what it compares, without making lanes of it.
  const direct = c.evex ? comparison(mask) : undefined;
  if (direct !== undefined) {
    const { predicate, operands } = direct;
    const [p, q] = operands.map((operand) => vector(c, operand, form));
    const no = vector(c, y, form);
    const yes = last(c, x, form);
    c.code.add([to], [p, q, no, ...yes.reads], (a, at) => {
      toMask(a, predicate, width, at(p), at(q));
      a.vector(EVEX_ONLY.vblendmps, width, at(to), at(no), yes.at(at), {
        mask: MASK,
        broadcast: yes.broadcast,
      });
    });
    return to;
  }
  const [m, p, q] = [mask, x, y].map((e) => vector(c, e, form));
  c.code.add(
    [to],
    [m, p, q],
    (a, at) => {
      if (a.evex) ternary(a, width, at(to), at(m), at(p), at(q));
      else a.vector(VECTOR.vblendvps, width, at(to), at(q), at(p), { imm: at(m) << 4 });
    },
    [m, p, q],
  );
  return to;
}

/** to = m ? p : q by vpternlogd, whose first operand is the result: a table of the eight cases of (to, second, last). */
function ternary(a: Assembler, width: Width, to: number, m: number, p: number, q: number): void {
  if (to === p && to !== m) {
    // (p, m, q): bit 4 p + 2 m + q
    a.vector(EVEX_ONLY.vpternlogd, width, to, m, q, { imm: 0b11100010 });
  } else if (to === q && to !== m) {
    // (q, m, p)
    a.vector(EVEX_ONLY.vpternlogd, width, to, m, p, { imm: 0b10111000 });
  } else {
    // (m, p, q)
    moveVector(a, width, to, m);
    a.vector(EVEX_ONLY.vpternlogd, width, to, p, q, { imm: 0b11001010 });
  }
}

/** condition ? x : y, for a whole value. */
export function selectWhole(
  c: Context,
  form: Form,
  to: Register,
  x: Expr,
  y: Expr,
  condition: Expr,
): Register {
  const [p, q] = [vector(c, x, form), vector(c, y, form)];
  const r = integer(c, condition);
  c.code.add(
    [to],
    [p, q, r],
    (a, at) => {
      const done = newLabel();
      a.test(at(r), at(r));
      if (at(to) === at(p)) {
        a.jumpIf(CONDITION.notEqual, done);
        moveVector(a, form.width, at(to), at(q));
      } else {
        moveVector(a, form.width, at(to), at(q));
        a.jumpIf(CONDITION.equal, done);
        moveVector(a, form.width, at(to), at(p));
      }
      a.bind(done);
    },
    [q, p],
  );
  return to;
}
