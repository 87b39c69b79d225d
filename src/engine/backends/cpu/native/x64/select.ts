// Comparisons of lanes and choices by them.

import type { Expr } from "../../simd/expr.ts";
import type { Register } from "../code.ts";
import type { Assembler, Width } from "./assembler.ts";
import { CONDITION, newLabel } from "./assembler.ts";
import type { Context, Form } from "./context.ts";
import { integer } from "./integers.ts";
import { last, vector } from "./operands.ts";
import { COMPARE, EVEX_ONLY, VECTOR } from "./vector_opcodes.ts";

/** The mask register that comparisons write; no value stays in it. */
const MASK = 1;

export function moveVector(a: Assembler, width: Width, to: number, from: number): void {
  if (to !== from) a.vector(VECTOR.vmovaps, width, to, 0, from);
}

/** Lanes of ones where x and y compare so; integers, x < y, without a predicate. */
export function compareLanes(
  c: Context,
  predicate: number | undefined,
  form: Form,
  to: Register,
  x: Expr,
  y: Expr,
): Register {
  const { width } = form;
  const p = vector(c, x, form);
  const q = vector(c, y, form);
  c.code.add([to], [p, q], (a, at) => {
    if (a.evex) {
      toMask(a, predicate, width, at(p), at(q));
      a.vector(EVEX_ONLY.vpmovm2d, width, at(to), 0, MASK);
    } else if (predicate === undefined) a.vector(VECTOR.vpcmpgtd, width, at(to), at(q), at(p));
    else a.vector(VECTOR.vcmpps, width, at(to), at(p), at(q), { imm: predicate });
  });
  return to;
}

function toMask(a: Assembler, predicate: number | undefined, width: Width, p: number, q: number): void {
  if (predicate === undefined) a.vector(EVEX_ONLY.vpcmpdToMask, width, MASK, p, q, { imm: COMPARE.lt });
  else a.vector(EVEX_ONLY.vcmppsToMask, width, MASK, p, q, { imm: predicate });
}

/** Comparisons that a choice can use without making lanes of them: predicate and whether the operands swap. */
const DIRECT: Readonly<Record<string, readonly [number | undefined, boolean]>> = {
  "f32x4.eq": [COMPARE.eq, false],
  "f32x4.ne": [COMPARE.ne, false],
  "f32x4.lt": [COMPARE.lt, false],
  "f32x4.le": [COMPARE.le, false],
  "f32x4.gt": [COMPARE.lt, true],
  "i32x4.lt_s": [undefined, false],
};

/** Bits of x where the mask's are ones, otherwise of y. */
export function bitSelect(c: Context, form: Form, to: Register, mask: Expr, x: Expr, y: Expr): Register {
  const { width } = form;
  const direct = c.evex && mask.kind === "op" ? DIRECT[mask.op] : undefined;
  if (direct !== undefined && mask.kind === "op") {
    const [predicate, swaps] = direct;
    const [first, second] = swaps ? [mask.args[1], mask.args[0]] : mask.args;
    const [p, q] = [vector(c, first, form), vector(c, second, form)];
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
