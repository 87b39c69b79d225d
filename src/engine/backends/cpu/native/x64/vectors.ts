// Instructions for vector and floating-point expressions. A scalar float is the first lane of a vector register.

import type { Expr, LaneExpr, LoadExpr, OperationExpr, Var } from "../../simd/expr.ts";
import type { Register } from "../code.ts";
import { registerOf } from "../context.ts";
import { wordsOf } from "../sums.ts";
import type { Width } from "./assembler.ts";
import { type Context, type Form, placed, registersOf } from "./context.ts";
import { fusedMultiply } from "./fused_multiply.ts";
import { addressOf, integer } from "./integers.ts";
import { inRegister, isMemory, last, NARROW, newVector, pool, repeat, vector } from "./operands.ts";
import { bitSelect, compareInto, compareLanes, moveVector, selectWhole } from "./select.ts";
import { shuffle } from "./shuffle.ts";
import { COMPARE, EVEX_ONLY, VECTOR, type VectorOpcode } from "./vector_opcodes.ts";

const SIGN = 0x80000000;

/** Instructions with two operands and no more to them. */
const BINARY: Readonly<Record<string, VectorOpcode>> = {
  "f32x4.add": VECTOR.vaddps,
  "f32x4.sub": VECTOR.vsubps,
  "f32x4.mul": VECTOR.vmulps,
  "f32x4.div": VECTOR.vdivps,
  "v128.and": VECTOR.vandps,
  "v128.or": VECTOR.vorps,
  "v128.xor": VECTOR.vxorps,
  "i32x4.add": VECTOR.vpaddd,
  "i32x4.sub": VECTOR.vpsubd,
  "i32x4.mul": VECTOR.vpmulld,
  "f64x2.mul": VECTOR.vmulpd,
  "f32.add": VECTOR.vaddps,
};
const COMMUTATIVE = new Set([
  ...["f32x4.add", "f32x4.mul", "v128.and", "v128.or", "v128.xor"],
  ...["i32x4.add", "i32x4.mul", "f64x2.mul", "f32.add"],
]);
/** Rounding to an integer: down, up, towards zero; without a report of inexact results. */
const ROUNDINGS: Readonly<Record<string, number>> = { "f32x4.floor": 9, "f32x4.ceil": 10, "f32x4.trunc": 11 };
const SHIFTS: Readonly<Record<string, number>> = { "i32x4.shr_u": 2, "i32x4.shr_s": 4, "i32x4.shl": 6 };

/** Computes the value into a register. */
export function vectorInto(c: Context, e: Expr, form: Form, to: Register): Register {
  switch (e.kind) {
    case "var":
      return copy(c, e, form, to);
    case "const":
      return constant(c, wordsOf(e), to, 1);
    case "vconst":
      return constant(c, e.words, to, form.width);
    case "load":
      return load(c, e, form, to);
    case "lanes":
      return form.width === 1 ? lane(c, e, to) : spread(c, lane(c, e, newVector(c, 1)), form.width, to);
    case "op":
      return operation(c, e, form, to);
    default:
      return e satisfies never;
  }
}

function copy(c: Context, e: Var, { width }: Form, to: Register): Register {
  const from = registerOf(c, e);
  if (from === to) return to;
  c.code.add([to], [from], (a, at) => moveVector(a, width, at(to), at(from)), [from]);
  return to;
}

function constant(c: Context, words: readonly number[], to: Register, width: Width): Register {
  c.code.add([to], [], (a, at) => {
    if (words.every((word) => word === 0)) a.vector(VECTOR.vxorps, 1, at(to), at(to), at(to));
    else if (words.length === 1) a.vector(VECTOR.vmovss, 1, at(to), 0, pool(words));
    else if (words.length === 2) a.vector(VECTOR.vmovsd, 1, at(to), 0, pool(words));
    else if (words.every((word) => word === words[0]))
      a.vector(VECTOR.vbroadcastss, width, at(to), 0, pool([words[0]]));
    else a.vector(VECTOR.vmovups, width, at(to), 0, pool(repeat(words, width)));
  });
  return to;
}

// --- Loads

function load(c: Context, e: LoadExpr, { width, group }: Form, to: Register): Register {
  const from = addressOf(c, e.address, e.offset);
  const emit = (op: VectorOpcode, w: Width): Register => {
    c.code.add([to], registersOf(from), (a, at) => a.vector(op, w, at(to), 0, placed(from, at)));
    return to;
  };
  switch (e.op) {
    case "v128.load":
      if (width === group) return emit(VECTOR.vmovups, width);
      if (group !== 1) break;
      return emit(c.evex ? EVEX_ONLY.vbroadcastf32x4 : VECTOR.vbroadcastf128, width);
    case "v128.load32_splat":
      return emit(VECTOR.vbroadcastss, width);
    case "v128.load16x4_u":
      if (width === group) return emit(VECTOR.vpmovzxwd, width);
      break;
    case "f32.load":
      return emit(VECTOR.vmovss, 1);
    case "v128.load32_zero":
      if (width === 1) return emit(VECTOR.vmovss, 1);
      break;
    case "v128.load64_zero":
      if (width === 1) return emit(VECTOR.vmovsd, 1);
      break;
    default:
      throw new Error(`${e.op} does not load a vector`);
  }
  if (group !== 1) throw new Error(`${e.op} has no meaning for ${group} vectors`);
  return spread(c, load(c, e, NARROW, newVector(c, 1)), width, to);
}

/** Repeats one vector over a wider register. */
function spread(c: Context, from: Register, width: Width, to: Register): Register {
  c.code.add([to], [from], (a, at) => {
    if (a.evex) a.vector(EVEX_ONLY.vshuff32x4, width, at(to), at(from), at(from), { imm: 0 });
    else a.vector(VECTOR.vinsertf128, 2, at(to), at(from), at(from), { imm: 1 });
  });
  return to;
}

// --- Operations

function operation(c: Context, e: OperationExpr, form: Form, to: Register): Register {
  const { code } = c;
  const { width } = form;
  const [x, y, z] = e.args;
  const simple = BINARY[e.op];
  if (simple !== undefined) {
    const swap = COMMUTATIVE.has(e.op) && isMemory(c, x, form) && !isMemory(c, y, form);
    return binary(c, simple, form, to, swap ? y : x, swap ? x : y);
  }
  const compared = compareLanes(c, e, form, to);
  if (compared !== undefined) return compared;
  const rounding = ROUNDINGS[e.op];
  if (rounding !== undefined) return unary(c, VECTOR.vroundps, form, to, x, rounding);
  const shift = SHIFTS[e.op];
  if (shift !== undefined) {
    const p = vector(c, x, form);
    if (y.kind !== "const") throw new Error(`${e.op}: a count that is not constant`);
    code.add([to], [p], (a, at) =>
      a.vector(VECTOR.vpshiftd, width, shift, at(to), at(p), { imm: y.value & 31 }),
    );
    return to;
  }
  switch (e.op) {
    case "f32x4.fma":
    case "f32x4.fnma":
      return fusedMultiply(c, e.op === "f32x4.fnma", form, to, x, y, z);
    case "v128.laneselect":
      return bitSelect(c, form, to, z, x, y);
    case "f32.select":
    case "f64.select":
    case "v128.select":
      return selectWhole(c, form, to, x, y, z);
    case "v128.andnot":
      return binary(c, VECTOR.vandnps, form, to, y, x);
    case "v128.not":
      return binary(c, VECTOR.vxorps, form, to, x, uniform(0xffffffff));
    case "f32x4.neg":
      return binary(c, VECTOR.vxorps, form, to, x, uniform(SIGN));
    case "f32x4.abs":
      return binary(c, VECTOR.vandps, form, to, x, uniform(SIGN - 1));
    case "f32x4.sqrt":
      return unary(c, VECTOR.vsqrtps, form, to, x);
    case "f32x4.pmin": // b < a ? b : a
      return binary(c, VECTOR.vminps, form, to, y, x);
    case "f32x4.pmax":
      return binary(c, VECTOR.vmaxps, form, to, y, x);
    case "f32x4.min":
    case "f32x4.max":
    case "f32.max":
      return extreme(c, e.op === "f32x4.min", form, to, x, y);
    case "f32x4.convert_i32x4_s":
      return unary(c, VECTOR.vcvtdq2ps, form, to, x);
    case "i32x4.trunc_sat_f32x4_s":
      return truncate(c, form, to, x);
    case "i64x2.extmul_low_u32":
    case "i64x2.extmul_high_u32":
      return extendedProduct(c, e.op === "i64x2.extmul_low_u32" ? 0x50 : 0xfa, form, to, x, y);
    case "f32x4.splat": {
      const p = vector(c, x, NARROW);
      code.add([to], [p], (a, at) => a.vector(VECTOR.vbroadcastss, width, at(to), 0, at(p)));
      return to;
    }
    case "i32x4.splat": {
      const p = integer(c, x);
      code.add([to], [p], (a, at) => {
        if (a.evex) {
          a.vector(EVEX_ONLY.vpbroadcastdFromInt, width, at(to), 0, at(p));
        } else {
          a.vector(VECTOR.vmovd, 1, at(to), 0, at(p));
          a.vector(VECTOR.vpbroadcastd, width, at(to), 0, at(to));
        }
      });
      return to;
    }
    case "f64x2.splat":
    case "f64x2.promote_low_f32x4":
    case "f32x4.demote_f64x2_zero": {
      if (form.group !== 1) throw new Error(`${e.op} has no meaning for ${form.group} vectors`);
      if (width !== 1) return spread(c, operation(c, e, NARROW, newVector(c, 1)), width, to);
      const op = { s: VECTOR.vmovddup, p: VECTOR.vcvtps2pd, d: VECTOR.vcvtpd2ps }[
        e.op === "f64x2.splat" ? "s" : e.op === "f64x2.promote_low_f32x4" ? "p" : "d"
      ];
      return unary(c, op, NARROW, to, x);
    }
    default:
      throw new Error(`${e.op} does not give a vector`);
  }
}

const uniform = (word: number): Expr => ({ kind: "vconst", type: "v128", words: [word, word, word, word] });

function binary(c: Context, op: VectorOpcode, form: Form, to: Register, x: Expr, y: Expr): Register {
  const p = vector(c, x, form);
  // Operations on 64-bit lanes have no broadcast of 32 bits.
  const q = op.evexW === 1 && c.evex ? inRegister(vector(c, y, form)) : last(c, y, form);
  c.code.add([to], [p, ...q.reads], (a, at) =>
    a.vector(op, form.width, at(to), at(p), q.at(at), { broadcast: q.broadcast }),
  );
  return to;
}

function unary(c: Context, op: VectorOpcode, form: Form, to: Register, x: Expr, imm?: number): Register {
  const p = vector(c, x, form);
  c.code.add([to], [p], (a, at) =>
    a.vector(op, form.width, at(to), 0, at(p), imm === undefined ? {} : { imm }),
  );
  return to;
}

/** Minimum or maximum that is NaN if an operand is, and orders -0 before 0, as WebAssembly's. */
function extreme(c: Context, least: boolean, form: Form, to: Register, x: Expr, y: Expr): Register {
  const { code } = c;
  const { width } = form;
  const [p, q] = [vector(c, x, form), vector(c, y, form)];
  const [one, other, unordered] = [0, 1, 2].map(() => newVector(c, width));
  const op = least ? VECTOR.vminps : VECTOR.vmaxps;
  // Where an operand is NaN the instruction gives the second; where both are zeros, too.
  code.add([one], [p, q], (a, at) => a.vector(op, width, at(one), at(p), at(q)));
  code.add([other], [p, q], (a, at) => a.vector(op, width, at(other), at(q), at(p)));
  code.add([unordered], [p, q], (a, at) =>
    compareInto(a, COMPARE.unordered, width, at(unordered), at(p), at(q)),
  );
  const [joined, filled, payload] = [0, 1, 2].map(() => newVector(c, width));
  const join = least ? VECTOR.vorps : VECTOR.vandps;
  code.add([joined], [one, other], (a, at) => a.vector(join, width, at(joined), at(one), at(other)));
  code.add([filled], [joined, unordered], (a, at) =>
    a.vector(VECTOR.vorps, width, at(filled), at(joined), at(unordered)),
  );
  // Of the ones only those of the plain NaN stay: exponentials add to the bits, and others would carry into a number.
  code.add([payload], [unordered], (a, at) =>
    a.vector(VECTOR.vpshiftd, width, SHIFTS["i32x4.shr_u"], at(payload), at(unordered), { imm: 10 }),
  );
  code.add([to], [payload, filled], (a, at) =>
    a.vector(VECTOR.vandnps, width, at(to), at(payload), at(filled)),
  );
  return to;
}

/** To integers towards zero: NaN gives 0, and what is too large the largest integer. */
function truncate(c: Context, form: Form, to: Register, x: Expr): Register {
  const { code } = c;
  const { width } = form;
  const p = vector(c, x, form);
  const [number, large, plain] = [0, 1, 2].map(() => newVector(c, width));
  const limit = vector(c, uniform(0x4f000000), form); // 2^31
  code.add([number], [p], (a, at) => compareInto(a, COMPARE.eq, width, at(number), at(p), at(p)));
  code.add([large], [limit, p], (a, at) => compareInto(a, COMPARE.le, width, at(large), at(limit), at(p)));
  code.add([plain], [number, p], (a, at) => a.vector(VECTOR.vandps, width, at(plain), at(number), at(p)));
  const converted = newVector(c, width);
  code.add([converted], [plain], (a, at) => a.vector(VECTOR.vcvttps2dq, width, at(converted), 0, at(plain)));
  // What does not fit became the smallest integer.
  code.add([to], [converted, large], (a, at) =>
    a.vector(VECTOR.vxorps, width, at(to), at(converted), at(large)),
  );
  return to;
}

/** Products of 64 bits of two lanes, chosen by a shuffle. */
function extendedProduct(c: Context, lanes: number, form: Form, to: Register, x: Expr, y: Expr): Register {
  const { width } = form;
  const [p, q] = [x, y].map((factor) => {
    const from = vector(c, factor, form);
    const chosen = newVector(c, width);
    c.code.add([chosen], [from], (a, at) =>
      a.vector(VECTOR.vpshufd, width, at(chosen), 0, at(from), { imm: lanes }),
    );
    return chosen;
  });
  c.code.add([to], [p, q], (a, at) => a.vector(VECTOR.vpmuludq, width, at(to), at(p), at(q)));
  return to;
}

// --- Lanes, of one vector

/** Into an integer register for i32x4.extract_lane, otherwise into a vector register. */
export function lane(c: Context, e: LaneExpr, to: Register): Register {
  const { code } = c;
  const p = vector(c, e.args[0], NARROW);
  const [n] = e.lanes;
  switch (e.op) {
    case "i32x4.extract_lane":
      code.add([to], [p], (a, at) => {
        a.vector(VECTOR.vpextrd, 1, at(p), 0, at(to), { imm: n });
        a.loadI32(at(to), at(to));
      });
      return to;
    case "f32x4.extract_lane":
      code.add([to], [p], (a, at) => a.vector(VECTOR.vshufps, 1, at(to), at(p), at(p), { imm: n * 0x55 }));
      return to;
    case "f64x2.extract_lane":
      code.add([to], [p], (a, at) => {
        if (n === 0) moveVector(a, 1, at(to), at(p));
        else a.vector(VECTOR.vunpckhpd, 1, at(to), at(p), at(p));
      });
      return to;
    case "f32x4.replace_lane": {
      const q = vector(c, e.args[1], NARROW);
      code.add([to], [p, q], (a, at) => a.vector(VECTOR.vinsertps, 1, at(to), at(p), at(q), { imm: n << 4 }));
      return to;
    }
    case "i32x4.replace_lane": {
      const q = integer(c, e.args[1]);
      code.add([to], [p, q], (a, at) => a.vector(VECTOR.vpinsrd, 1, at(to), at(p), at(q), { imm: n }));
      return to;
    }
    case "shuffle4": {
      const q = vector(c, e.args[1], NARROW);
      return shuffle(c, to, p, q, e.lanes);
    }
    default:
      return e.op satisfies never;
  }
}
