// 16-bit floating-point numbers in 32-bit lanes: widened exactly, rounded to nearest with ties to even. The bits are
// in the low half of a lane; the high half is 0.

import type { HalfType } from "../../../graph.ts";
import type { KernelBuilder } from "./builder.ts";
import type { Expr } from "./expr.ts";
import * as s from "./ops.ts";

/** 2^112: converts the exponent bias of f16, 15, to that of f32, 127. */
const REBIAS = s.vconst(2 ** 112);
const INFINITE = 0x7f800000;
/** As bits of f32: 2^-14, the smallest normal f16, and 2^16, too large for an f16. */
const SMALLEST_NORMAL = 0x38800000;
const TOO_LARGE = 0x47800000;
/** 0.5: added to a number below 2^-14, it leaves a multiple of 2^-24, the spacing of subnormal f16, in the low bits. */
const STEP = 0.5;

/** 16-bit numbers to f32 lanes. */
export function widen(k: KernelBuilder, bits: Expr, type: HalfType): Expr {
  if (type === "bf16") return k.let(s.xshl(bits, 16));
  const half = k.let(bits);
  const sign = s.xshl(s.vand(half, s.iconst4(0x8000)), 16);
  const magnitude = k.let(s.xshl(s.vand(half, s.iconst4(0x7fff)), 13));
  // The product is right for subnormals too; infinity and NaN keep their fraction and get the f32 exponent.
  const finite = s.xlt(magnitude, s.iconst4(0x0f800000));
  const exponent = s.vandnot(s.iconst4(INFINITE), finite);
  return k.let(s.vor(s.vor(s.vmul(magnitude, REBIAS), exponent), sign));
}

/** f32 lanes to the bits of the nearest 16-bit numbers. */
export function narrow(k: KernelBuilder, value: Expr, type: HalfType): Expr {
  return type === "bf16" ? narrowToBfloat16(k, value) : narrowToHalf(k, value);
}

function narrowToBfloat16(k: KernelBuilder, value: Expr): Expr {
  const bits = k.let(value);
  const odd = s.vand(s.xshrU(bits, 16), s.iconst4(1));
  const rounded = s.xshrU(s.xadd(s.xadd(bits, s.iconst4(0x7fff)), odd), 16);
  const notANumber = s.vor(s.xshrU(bits, 16), s.iconst4(0x40));
  return k.let(s.vselect(s.vne(bits, bits), notANumber, rounded));
}

function narrowToHalf(k: KernelBuilder, value: Expr): Expr {
  const bits = k.let(value);
  const sign = k.let(s.vand(bits, s.iconst4(0x80000000)));
  const magnitude = k.let(s.vxor(bits, sign));
  const small = s.xsub(s.vadd(magnitude, s.vconst(STEP)), s.vconst(STEP));
  const odd = s.vand(s.xshrU(magnitude, 13), s.iconst4(1));
  // A fraction that rounds up carries into the exponent.
  const bias = s.iconst4(0xfff - (SMALLEST_NORMAL - (1 << 23)));
  const normal = s.xshrU(s.xadd(s.xadd(magnitude, bias), odd), 13);
  const finite = s.vselect(s.xlt(magnitude, s.iconst4(SMALLEST_NORMAL)), small, normal);
  const isNumber = s.veq(bits, bits);
  const special = s.vselect(isNumber, s.iconst4(0x7c00), s.iconst4(0x7e00));
  const result = s.vselect(s.xlt(magnitude, s.iconst4(TOO_LARGE)), finite, special);
  return k.let(s.vor(result, s.xshrU(sign, 16)));
}
