// Instructions for vector and floating-point expressions. A scalar float is the first lane of a vector register; what
// its other lanes hold does not matter.

import type { Expr, OperationExpr } from "../../simd/expr.ts";
import type { Register } from "../code.ts";
import { registerOf } from "../context.ts";
import { wordsOf } from "../sums.ts";
import { type Context, integer, vector } from "./context.ts";
import { load } from "./loads.ts";
import { fusedMultiply, product } from "./products.ts";
import { V31 } from "./registers.ts";
import { chooseBits, compareLanes, laneSelect, selectWhole } from "./select.ts";
import type { Binary, Lane, Shift, Unary } from "./vector_opcodes.ts";

/** Instructions with two operands and no more to them. */
const BINARIES: Readonly<Partial<Record<string, Binary>>> = {
  "f32x4.add": "fadd",
  "f32x4.sub": "fsub",
  "f32x4.div": "fdiv",
  // NaN if an operand is; -0 before 0: as WebAssembly's.
  "f32x4.min": "fmin",
  "f32x4.max": "fmax",
  "f32.add": "fadd",
  "f32.max": "fmax",
  "v128.and": "and",
  "v128.or": "orr",
  "v128.xor": "eor",
  "v128.andnot": "bic",
  "i32x4.add": "add",
  "i32x4.sub": "sub",
  "i32x4.mul": "mul",
  "i64x2.extmul_low_u32": "umull",
  "i64x2.extmul_high_u32": "umull2",
  "f64x2.mul": "fmulDouble",
};
const UNARIES: Readonly<Partial<Record<string, Unary>>> = {
  "v128.not": "mvn",
  "f32x4.neg": "fneg",
  "f32x4.abs": "fabs",
  "f32x4.sqrt": "fsqrt",
  "f32x4.floor": "frintm",
  "f32x4.ceil": "frintp",
  "f32x4.trunc": "frintz",
  "f32x4.convert_i32x4_s": "scvtf",
  // NaN gives 0, and what is too large the nearest integer.
  "i32x4.trunc_sat_f32x4_s": "fcvtzs",
  "f64x2.promote_low_f32x4": "fcvtl",
  "f32x4.demote_f64x2_zero": "fcvtn",
};
const SPLATS: Readonly<Partial<Record<string, Lane>>> = {
  "f32x4.splat": "dupFloat",
  "f64x2.splat": "dupDouble",
};
const SHIFTS: Readonly<Partial<Record<string, Shift>>> = {
  "i32x4.shl": "left",
  "i32x4.shr_s": "rightSigned",
  "i32x4.shr_u": "right",
};

/** Computes the value into a register. */
export function vectorInto(c: Context, e: Expr, to: Register): Register {
  const { code } = c;
  switch (e.kind) {
    case "var": {
      const from = registerOf(c, e);
      if (from !== to) code.add([to], [from], (a, at) => a.moveVector(at(to), at(from)), [from]);
      return to;
    }
    case "const":
      return constant(c, wordsOf(e), to);
    case "vconst":
      return constant(c, e.words, to);
    case "load":
      return load(c, e, to);
    case "lanes":
      return c.lane(e, to);
    case "op":
      return operation(c, e, to);
    default:
      return e satisfies never;
  }
}

function constant(c: Context, words: readonly number[], to: Register): Register {
  const isUniform = words.every((word) => word === words[0]);
  c.code.add([to], [], (a, at) => {
    if (!isUniform || !a.splatConstant(at(to), words[0])) a.constant(at(to), words);
  });
  return to;
}

function operation(c: Context, e: OperationExpr, to: Register): Register {
  const { code } = c;
  const [x, y, z] = e.args;
  const binary = BINARIES[e.op];
  if (binary !== undefined) {
    const [p, q] = [vector(c, x), vector(c, y)];
    code.add([to], [p, q], (a, at) => a.binary(binary, at(to), at(p), at(q)));
    return to;
  }
  const unary = UNARIES[e.op];
  if (unary !== undefined) {
    const p = vector(c, x);
    code.add([to], [p], (a, at) => a.unary(unary, at(to), at(p)));
    return to;
  }
  const splat = SPLATS[e.op];
  if (splat !== undefined) {
    const p = vector(c, x);
    code.add([to], [p], (a, at) => a.lane(splat, at(to), at(p), 0));
    return to;
  }
  const shift = SHIFTS[e.op];
  if (shift !== undefined) {
    if (y.kind !== "const") throw new Error(`${e.op}: a count that is not constant`);
    return shiftLanes(c, shift, to, x, y.value & 31);
  }
  const compared = compareLanes(c, e, to);
  if (compared !== undefined) return compared;
  switch (e.op) {
    case "f32x4.mul":
      return product(c, to, x, y);
    case "f32x4.fma":
      return fusedMultiply(c, "fmla", to, x, y, z);
    case "f32x4.fnma":
      return fusedMultiply(c, "fmls", to, x, y, z);
    case "v128.laneselect":
      return laneSelect(c, to, x, y, z);
    case "f32.select":
    case "f64.select":
    case "v128.select":
      return selectWhole(c, e.op !== "v128.select", to, x, y, z);
    case "f32x4.pmin": // y < x ? y : x
    case "f32x4.pmax": {
      const [p, q] = [vector(c, x), vector(c, y)];
      code.add(
        [to],
        [p, q],
        (a, at) => {
          const [larger, smaller] = e.op === "f32x4.pmin" ? [p, q] : [q, p];
          a.binary("fcmgt", V31, at(larger), at(smaller));
          chooseBits(a, at(to), V31, at(q), at(p));
        },
        [p, q],
      );
      return to;
    }
    case "i32x4.splat": {
      const p = integer(c, x);
      code.add([to], [p], (a, at) => a.splatInteger(at(to), at(p)));
      return to;
    }
    default:
      throw new Error(`${e.op} does not give a vector`);
  }
}

function shiftLanes(c: Context, shift: Shift, to: Register, x: Expr, count: number): Register {
  if (count === 0) return vectorInto(c, x, to);
  const p = vector(c, x);
  c.code.add([to], [p], (a, at) => a.shift(shift, at(to), at(p), count));
  return to;
}
