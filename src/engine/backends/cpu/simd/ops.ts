// The vocabulary of kernels: free functions that build expression trees. Import as `import * as s from ".../simd/ops.ts"`.
//
// Prefixes: i = i32, f = f32, v = four f32 lanes, x = four i32 lanes, w = two f64 lanes.

import type { Constant, Expr, ValueType, VectorConstant } from "./expr.ts";
import { LANES, laneOperation, load, operation } from "./expr.ts";

// --- Constants

/** A whole number. WebAssembly wraps it to 32 bits, as it does all integers; machine code has 64. */
export const i32 = (value: number): Constant => ({ kind: "const", type: "i32", value });
export const i64 = (value: number): Constant => ({ kind: "const", type: "i64", value });
export const f32 = (value: number): Constant => ({ kind: "const", type: "f32", value: Math.fround(value) });
export const f64 = (value: number): Constant => ({ kind: "const", type: "f64", value });

const bits = new DataView(new ArrayBuffer(4));
/** The IEEE 754 bits of `value` rounded to f32, as an unsigned integer. */
function floatBits(value: number): number {
  bits.setFloat32(0, value);
  return bits.getUint32(0);
}
/** An i32 vector constant: one number for every lane, or four. */
export function iconst4(value: number | readonly number[]): VectorConstant {
  const words = typeof value === "number" ? Array<number>(LANES).fill(value) : value;
  if (words.length !== LANES) throw new RangeError(`iconst4: got ${words.length} lanes, expected ${LANES}`);
  return { kind: "vconst", type: "v128", words: words.map((word) => word >>> 0) };
}
/** An f32 vector constant: one number for every lane, or four. */
export const vconst = (value: number | readonly number[]): VectorConstant =>
  iconst4(typeof value === "number" ? floatBits(value) : value.map(floatBits));

// --- i32, with constants folded and moved to the end of sums

const known = (e: Expr): number | undefined => (e.kind === "const" && e.type === "i32" ? e.value : undefined);

/** a + b */
export function iadd(...terms: Expr[]): Expr {
  return terms.reduce(addTwo, i32(0));
}
function addTwo(a: Expr, b: Expr): Expr {
  const [x, y] = [known(a), known(b)];
  if (x !== undefined && y !== undefined) return i32(x + y);
  if (x === 0) return b;
  if (y === 0) return a;
  if (x !== undefined) return addTwo(b, a);
  const [left, right] = [splitSum(a), splitSum(b)];
  if (left.constant === 0 && right.constant === 0) return operation("i32.add", a, b);
  // Two constants were folded above, so there is at least one.
  const rest = [left.rest, right.rest]
    .filter((term) => term !== undefined)
    .reduce((sum, term) => operation("i32.add", sum, term));
  const constant = i32(left.constant + right.constant);
  return constant.value === 0 ? rest : operation("i32.add", rest, constant);
}
/** e = rest + constant; no rest when `e` is constant. */
function splitSum(e: Expr): { rest: Expr | undefined; constant: number } {
  const value = known(e);
  if (value !== undefined) return { rest: undefined, constant: value };
  if (e.kind === "op" && e.op === "i32.add") {
    const constant = known(e.args[1]);
    if (constant !== undefined) return { rest: e.args[0], constant };
  }
  return { rest: e, constant: 0 };
}
/** a - b */
export function isub(a: Expr, b: Expr): Expr {
  const [x, y] = [known(a), known(b)];
  if (y !== undefined) return addTwo(a, i32(-y));
  return x === 0 ? operation("i32.sub", i32(0), b) : operation("i32.sub", a, b);
}
/** a * b; a constant factor is distributed over a sum with a constant term. */
export function imul(a: Expr, b: Expr): Expr {
  const [x, y] = [known(a), known(b)];
  if (x !== undefined && y !== undefined) return i32(x * y);
  if (x !== undefined) return imul(b, a);
  if (y === undefined) return operation("i32.mul", a, b);
  if (y === 0) return i32(0);
  if (y === 1) return a;
  const { rest, constant } = splitSum(a);
  if (constant !== 0 && rest !== undefined) return addTwo(imul(rest, b), i32(constant * y));
  if (y > 0 && (y & (y - 1)) === 0) return operation("i32.shl", a, i32(31 - Math.clz32(y)));
  return operation("i32.mul", a, b);
}
/** a / b, unsigned; b must not be 0. */
export function idivU(a: Expr, b: Expr): Expr {
  const [x, y] = [known(a), known(b)];
  if (x !== undefined && y) return i32(Math.floor((x >>> 0) / (y >>> 0)));
  if (y === 1) return a;
  if (y !== undefined && y > 0 && (y & (y - 1)) === 0) return ishrU(a, i32(31 - Math.clz32(y)));
  return operation("i32.div_u", a, b);
}
/** a mod b, unsigned; b must not be 0. */
export function iremU(a: Expr, b: Expr): Expr {
  const [x, y] = [known(a), known(b)];
  if (x !== undefined && y) return i32((x >>> 0) % (y >>> 0));
  if (y === 1) return i32(0);
  if (y !== undefined && y > 0 && (y & (y - 1)) === 0) return iand(a, i32(y - 1));
  return operation("i32.rem_u", a, b);
}
function folded(op: Parameters<typeof operation>[0], a: Expr, b: Expr, f: (x: number, y: number) => number) {
  const [x, y] = [known(a), known(b)];
  return x !== undefined && y !== undefined ? i32(f(x, y)) : operation(op, a, b);
}
export const iand = (a: Expr, b: Expr): Expr => folded("i32.and", a, b, (x, y) => x & y);
export const ior = (a: Expr, b: Expr): Expr => folded("i32.or", a, b, (x, y) => x | y);
export const ishrU = (a: Expr, b: Expr): Expr =>
  known(b) === 0 ? a : folded("i32.shr_u", a, b, (x, y) => x >>> y);
/** Signed comparisons; 1 or 0. */
export const ilt = (a: Expr, b: Expr): Expr => folded("i32.lt_s", a, b, (x, y) => (x < y ? 1 : 0));
export const igt = (a: Expr, b: Expr): Expr => folded("i32.gt_s", a, b, (x, y) => (x > y ? 1 : 0));
export const ieq = (a: Expr, b: Expr): Expr => folded("i32.eq", a, b, (x, y) => (x === y ? 1 : 0));
export const ine = (a: Expr, b: Expr): Expr => folded("i32.ne", a, b, (x, y) => (x !== y ? 1 : 0));
/** Unsigned comparisons; 1 or 0. `iltU(i, n)` tests 0 <= i < n at once. */
export const iltU = (a: Expr, b: Expr): Expr =>
  folded("i32.lt_u", a, b, (x, y) => (x >>> 0 < y >>> 0 ? 1 : 0));
export const inot = (a: Expr): Expr => operation("i32.eqz", a);

/** condition ? a : b; both are evaluated and have the same type. */
export function select(condition: Expr, a: Expr, b: Expr): Expr {
  const value = known(condition);
  if (value !== undefined) return value !== 0 ? a : b;
  const type: ValueType = a.type;
  return operation(`${type}.select`, a, b, condition);
}
export const imin = (a: Expr, b: Expr): Expr => select(ilt(a, b), a, b);
export const imax = (a: Expr, b: Expr): Expr => select(igt(a, b), a, b);

// --- f32 and f64 scalars

export const fadd = (a: Expr, b: Expr): Expr => operation("f32.add", a, b);
export const fmax = (a: Expr, b: Expr): Expr => operation("f32.max", a, b);

// --- Four f32 lanes

export const splat = (a: Expr): Expr => (a.kind === "const" ? vconst(a.value) : operation("f32x4.splat", a));
export const vadd = (a: Expr, b: Expr): Expr => operation("f32x4.add", a, b);
export const vsub = (a: Expr, b: Expr): Expr => operation("f32x4.sub", a, b);
export const vmul = (a: Expr, b: Expr): Expr => operation("f32x4.mul", a, b);
export const vdiv = (a: Expr, b: Expr): Expr => operation("f32x4.div", a, b);
/** a * b + c; rounded once where the encoder may fuse. */
export const vfma = (a: Expr, b: Expr, c: Expr): Expr => operation("f32x4.fma", a, b, c);
/** c - a * b; rounded once where the encoder may fuse. */
export const vfnma = (a: Expr, b: Expr, c: Expr): Expr => operation("f32x4.fnma", a, b, c);
/** Minimum and maximum; NaN if either is. */
export const vmin = (a: Expr, b: Expr): Expr => operation("f32x4.min", a, b);
export const vmax = (a: Expr, b: Expr): Expr => operation("f32x4.max", a, b);
/** b < a ? b : a, and a < b ? b : a: one instruction; a NaN in either gives a. */
export const vpmin = (a: Expr, b: Expr): Expr => operation("f32x4.pmin", a, b);
export const vpmax = (a: Expr, b: Expr): Expr => operation("f32x4.pmax", a, b);
export const vsqrt = (a: Expr): Expr => operation("f32x4.sqrt", a);
export const vabs = (a: Expr): Expr => operation("f32x4.abs", a);
export const vneg = (a: Expr): Expr => operation("f32x4.neg", a);
export const vfloor = (a: Expr): Expr => operation("f32x4.floor", a);
export const vceil = (a: Expr): Expr => operation("f32x4.ceil", a);
export const vtrunc = (a: Expr): Expr => operation("f32x4.trunc", a);
/** Comparisons return a mask: all ones where true. */
export const veq = (a: Expr, b: Expr): Expr => operation("f32x4.eq", a, b);
export const vne = (a: Expr, b: Expr): Expr => operation("f32x4.ne", a, b);
export const vlt = (a: Expr, b: Expr): Expr => operation("f32x4.lt", a, b);
export const vle = (a: Expr, b: Expr): Expr => operation("f32x4.le", a, b);
export const vgt = (a: Expr, b: Expr): Expr => operation("f32x4.gt", a, b);
/** Lane by lane: mask ? a : b. Every lane of the mask must be all ones or all zeros. */
export const vselect = (mask: Expr, a: Expr, b: Expr): Expr => operation("v128.laneselect", a, b, mask);
export const vand = (a: Expr, b: Expr): Expr => operation("v128.and", a, b);
export const vor = (a: Expr, b: Expr): Expr => operation("v128.or", a, b);
export const vxor = (a: Expr, b: Expr): Expr => operation("v128.xor", a, b);
/** a & ~b */
export const vandnot = (a: Expr, b: Expr): Expr => operation("v128.andnot", a, b);
export const vnot = (a: Expr): Expr => operation("v128.not", a);

// --- Lanes

export const extractLane = (v: Expr, lane: number): Expr => laneOperation("f32x4.extract_lane", [v], [lane]);
export const replaceLane = (v: Expr, lane: number, e: Expr): Expr =>
  laneOperation("f32x4.replace_lane", [v, e], [lane]);
export const xextractLane = (v: Expr, lane: number): Expr => laneOperation("i32x4.extract_lane", [v], [lane]);
/** Four 32-bit lanes chosen from a (0 to 3) and b (4 to 7). */
export const shuffle = (a: Expr, b: Expr, lanes: readonly [number, number, number, number]): Expr =>
  laneOperation("shuffle4", [a, b], lanes);

// --- Four i32 lanes

export const xsplat = (a: Expr): Expr =>
  a.kind === "const" ? iconst4(a.value) : operation("i32x4.splat", a);
export const xadd = (a: Expr, b: Expr): Expr => operation("i32x4.add", a, b);
export const xsub = (a: Expr, b: Expr): Expr => operation("i32x4.sub", a, b);
export const xmul = (a: Expr, b: Expr): Expr => operation("i32x4.mul", a, b);
export const xshl = (a: Expr, count: number): Expr => operation("i32x4.shl", a, i32(count));
export const xshrU = (a: Expr, count: number): Expr => operation("i32x4.shr_u", a, i32(count));
export const xshrS = (a: Expr, count: number): Expr => operation("i32x4.shr_s", a, i32(count));
export const xlt = (a: Expr, b: Expr): Expr => operation("i32x4.lt_s", a, b);
/** Full 64-bit products of the unsigned lanes 0 and 1 (low), 2 and 3 (high). */
export const extmulLowU = (a: Expr, b: Expr): Expr => operation("i64x2.extmul_low_u32", a, b);
export const extmulHighU = (a: Expr, b: Expr): Expr => operation("i64x2.extmul_high_u32", a, b);
export const vfromI32 = (a: Expr): Expr => operation("f32x4.convert_i32x4_s", a);
/** Truncated towards zero, saturating; NaN gives 0. */
export const vtoI32 = (a: Expr): Expr => operation("i32x4.trunc_sat_f32x4_s", a);

// --- Two f64 lanes

export const wsplat = (a: Expr): Expr => operation("f64x2.splat", a);
export const wmul = (a: Expr, b: Expr): Expr => operation("f64x2.mul", a, b);
/** The f32 lanes 0 and 1 to f64; and back, with zeros in lanes 2 and 3. */
export const wpromoteLow = (a: Expr): Expr => operation("f64x2.promote_low_f32x4", a);
export const wdemote = (a: Expr): Expr => operation("f32x4.demote_f64x2_zero", a);

// --- Sums along the lanes

/** The sum of the four lanes, in every lane. */
export function vsumLanes(v: Expr): Expr {
  const pairs = vadd(v, shuffle(v, v, [2, 3, 0, 1]));
  return vadd(pairs, shuffle(pairs, pairs, [1, 0, 3, 2]));
}

// --- Loads; the address is in bytes, plus a constant number of bytes

export const loadI32 = (address: Expr, offset = 0): Expr => load("i32.load", address, offset);
/** An address, ADDRESS_BYTES. */
export const loadAddress = (address: Expr, offset = 0): Expr => load("address.load", address, offset);
export const loadF32 = (address: Expr, offset = 0): Expr => load("f32.load", address, offset);
export const loadU16 = (address: Expr, offset = 0): Expr => load("i32.load16_u", address, offset);
/** Four unsigned 16-bit integers, one in each i32 lane. */
export const loadU16Lanes = (address: Expr, offset = 0): Expr => load("v128.load16x4_u", address, offset);
export const loadV = (address: Expr, offset = 0): Expr => load("v128.load", address, offset);
/** One f32 in every lane. */
export const loadSplat = (address: Expr, offset = 0): Expr => load("v128.load32_splat", address, offset);
/** One f32 in lane 0 and zeros in the others. */
export const loadLane0 = (address: Expr, offset = 0): Expr => load("v128.load32_zero", address, offset);
/** Two f32 in lanes 0 and 1 and zeros in the others. */
export const loadPair = (address: Expr, offset = 0): Expr => load("v128.load64_zero", address, offset);
export const atomicLoad = (address: Expr, offset = 0): Expr => load("i32.atomic.load", address, offset);
