// Elementary functions on four f32 lanes, from additions and products: relative errors about 1e-7 (sin and cos:
// absolute).
//
// Each function records its statements on the builder and returns a variable. NaN gives NaN.
// Methods: ranges are reduced as in W. J. Cody, W. Waite, "Software Manual for the Elementary Functions" (1980);
// polynomials are minimax fits over the reduced ranges.

import * as exact from "../../../math/index.ts";
import type { KernelBuilder } from "./builder.ts";
import type { Expr, Var } from "./expr.ts";
import * as s from "./ops.ts";

/** 1.5 * 2^23: adding it rounds |x| < 2^22 to the nearest integer, which is then in the low bits. */
const ROUNDER = 12582912;
const SIGN = 0x80000000;

/** c[0] + c[1] x + c[2] x^2 + .. by Horner's rule. */
function polynomial(x: Expr, coefficients: readonly number[]): Expr {
  return coefficients
    .slice(0, -1)
    .reduceRight<Expr>(
      (sum, c) => s.vfma(sum, x, s.vconst(c)),
      s.vconst(coefficients[coefficients.length - 1]),
    );
}

/** The sign of x with the given magnitude. */
const copySign = (magnitude: Expr, x: Expr): Expr => s.vor(magnitude, s.vand(x, s.iconst4(SIGN)));

/** e^x. Zero below -87.33 (where f32 would be denormal), infinity above 88.72. */
export function vexp(k: KernelBuilder, x: Expr): Var {
  const a = k.let(x);
  const scaled = expCore(k, [a])[0];
  const high = s.vselect(s.vle(a, s.vconst(88.72283)), scaled, s.vmul(a, s.vconst(Infinity)));
  return k.let(s.vselect(s.vlt(a, s.vconst(LEAST_EXPONENT)), s.vconst(0), high));
}

/**
 * e^x of several x up to 88, in fewer operations; the result is at least e^-87.33, about 1e-38. The chains are
 * interleaved: each waits for its own results, and a processor looks only so far ahead for other work.
 */
export function vexpOfNegative(k: KernelBuilder, x: readonly Expr[]): Var[] {
  return expCore(
    k,
    x.map((each) => k.let(s.vpmax(each, s.vconst(LEAST_EXPONENT)))),
  );
}
/** Below this, e^x is denormal. */
const LEAST_EXPONENT = -87.33654;
/** Coefficients of (e^r - 1 - r) / r^2, lowest first. */
const EXP_POLYNOMIAL = [
  0.4999999403953552, 0.16666515171527863, 0.04166845604777336, 0.008369418792426586, 0.0013813144760206342,
];

/** e^x where the result is a normal number. */
function expCore(k: KernelBuilder, x: readonly Var[]): Var[] {
  const each = (f: (i: number) => Expr): Var[] => x.map((_, i) => k.let(f(i)));
  // x = n ln 2 + r, |r| <= ln 2 / 2
  const shifted = each((i) => s.vfma(x[i], s.vconst(Math.LOG2E), s.vconst(ROUNDER)));
  const n = each((i) => s.vsub(shifted[i], s.vconst(ROUNDER)));
  const near = each((i) => s.vfnma(n[i], s.vconst(0.693359375), x[i]));
  const r = each((i) => s.vfnma(n[i], s.vconst(-2.1219444e-4), near[i]));
  const p = EXP_POLYNOMIAL.slice(0, -1).reduceRight<readonly Expr[]>(
    (sums, c) => each((i) => s.vfma(sums[i], r[i], s.vconst(c))),
    x.map(() => s.vconst(EXP_POLYNOMIAL[EXP_POLYNOMIAL.length - 1])),
  );
  const square = each((i) => s.vmul(r[i], r[i]));
  const rest = each((i) => s.vfma(square[i], p[i], r[i]));
  const mantissa = each((i) => s.vadd(rest[i], s.vconst(1)));
  // Multiplies by 2^n in the exponent bits.
  return each((i) => s.xadd(mantissa[i], s.xshl(shifted[i], 23)));
}

/** ln x for positive, finite and normal x; undefined for anything else. */
export function vlogPositive(k: KernelBuilder, x: Expr): Var {
  const a = k.let(x);
  return logCore(k, a, s.vconst(0));
}

/** ln x. Minus infinity at 0, NaN below. */
export function vlog(k: KernelBuilder, x: Expr): Var {
  const a = k.let(x);
  // Denormals are scaled into range by 2^23.
  const tiny = k.let(s.vlt(a, s.vconst(2 ** -126)));
  const normal = k.let(s.vselect(tiny, s.vmul(a, s.vconst(2 ** 23)), a));
  const result = logCore(k, normal, s.vand(tiny, s.vconst(-23)));
  const finite = s.vselect(s.vlt(a, s.vconst(Infinity)), result, a);
  const edge = s.vselect(s.veq(a, s.vconst(0)), s.vconst(-Infinity), s.vconst(NaN));
  return k.let(s.vselect(s.vle(a, s.vconst(0)), edge, finite));
}

/** ln x + bias ln 2: x = 2^n (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), then the series of artanh. */
function logCore(k: KernelBuilder, x: Var, bias: Expr): Var {
  const exponent = k.let(s.xshrS(s.xsub(x, s.iconst4(0x3f3504f3)), 23));
  const n = k.let(s.vadd(s.vfromI32(exponent), bias));
  const f = k.let(s.vsub(s.xsub(x, s.xshl(exponent, 23)), s.vconst(1)));
  const t = k.let(s.vdiv(f, s.vadd(f, s.vconst(2)))); // ln(1 + f) = 2 artanh(t) = 2t + t R
  const z = k.let(s.vmul(t, t));
  const remainder = s.vmul(z, polynomial(z, [0.6666677594184875, 0.39977285265922546, 0.29879170656204224]));
  const halfSquare = k.let(s.vmul(s.vmul(f, f), s.vconst(0.5)));
  const low = s.vfma(t, s.vadd(halfSquare, remainder), s.vmul(n, s.vconst(-2.1219444e-4)));
  return k.let(s.vfma(n, s.vconst(0.693359375), s.vsub(f, s.vsub(halfSquare, low))));
}

/** sin x and cos x together, for |x| up to 12,000: absolute error about 1e-7. */
function vsincos(k: KernelBuilder, x: Expr): { sin: Var; cos: Var } {
  const a = k.let(x);
  // x = n pi / 2 + r, |r| <= pi / 4; pi / 2 in parts of 11 bits, so that their products with n are exact
  const shifted = k.let(s.vfma(a, s.vconst(2 / Math.PI), s.vconst(ROUNDER)));
  const n = k.let(s.vsub(shifted, s.vconst(ROUNDER)));
  const [first, second, third] = HALF_PI_PARTS;
  const near = s.vfnma(n, s.vconst(second), s.vfnma(n, s.vconst(first), a));
  return sincosOf(k, k.let(s.vfnma(n, s.vconst(third), near)), shifted);
}

/** sin and cos of 2 pi x together, for |x| up to 1,000,000. */
export function vsincosTurns(k: KernelBuilder, x: Expr): { sin: Var; cos: Var } {
  const a = k.let(x);
  const shifted = k.let(s.vfma(a, s.vconst(4), s.vconst(ROUNDER)));
  const quarters = s.vsub(shifted, s.vconst(ROUNDER));
  const rest = s.vfnma(quarters, s.vconst(0.25), a);
  return sincosOf(k, k.let(s.vmul(rest, s.vconst(2 * Math.PI))), shifted);
}

/** sin and cos of r + n pi / 2, with |r| <= pi / 4 and n in the low bits of `shifted`. */
function sincosOf(k: KernelBuilder, r: Var, shifted: Var): { sin: Var; cos: Var } {
  const z = k.let(s.vmul(r, r));
  const sinTail = polynomial(z, [-0.16666653752326965, 0.008332131430506706, -0.00019510838319547474]);
  const cosTail = polynomial(z, [0.04166664555668831, -0.0013887305976822972, 2.4431205019936897e-5]);
  const sine = k.let(s.vfma(s.vmul(r, z), sinTail, r));
  const cosine = k.let(s.vfma(s.vmul(z, z), cosTail, s.vfnma(z, s.vconst(0.5), s.vconst(1))));
  // The quarter n mod 4 exchanges sin and cos and sets the signs.
  const swap = k.let(s.xshrS(s.xshl(shifted, 31), 31));
  const sinSign = s.vand(s.xshl(shifted, 30), s.iconst4(SIGN));
  const cosSign = s.vand(s.xshl(s.xadd(shifted, s.iconst4(1)), 30), s.iconst4(SIGN));
  return {
    sin: k.let(s.vxor(s.vselect(swap, cosine, sine), sinSign)),
    cos: k.let(s.vxor(s.vselect(swap, sine, cosine), cosSign)),
  };
}
const HALF_PI_PARTS = halfPiParts();
/** pi / 2 = first + second + third; the first two have 11 significant bits. */
function halfPiParts(): readonly [number, number, number] {
  const cut = (x: number): number => {
    const unit = exact.powerOfTwo(Math.floor(exact.log2(x)) - 10);
    return Math.floor(x / unit) * unit;
  };
  const first = cut(Math.PI / 2);
  const second = cut(Math.PI / 2 - first);
  return [first, second, Math.PI / 2 - first - second];
}
export const vsin = (k: KernelBuilder, x: Expr): Var => vsincos(k, x).sin;
export const vcos = (k: KernelBuilder, x: Expr): Var => vsincos(k, x).cos;

/** 1 / (1 + e^-x) */
export function vsigmoid(k: KernelBuilder, x: Expr): Var {
  return k.let(s.vdiv(s.vconst(1), s.vadd(s.vconst(1), vexp(k, s.vneg(x)))));
}

/** tanh x: a polynomial near 0, elsewhere 1 - 2 / (e^2|x| + 1). */
export function vtanh(k: KernelBuilder, x: Expr): Var {
  const a = k.let(x);
  const magnitude = k.let(s.vabs(a));
  const z = k.let(s.vmul(a, a));
  const tail = polynomial(
    z,
    [
      -0.3333328366279602, 0.13331490755081177, -0.05374349653720856, 0.020650586113333702,
      -0.005717043299227953,
    ],
  );
  const near = k.let(s.vfma(s.vmul(magnitude, z), tail, magnitude));
  const growth = vexp(k, s.vadd(magnitude, magnitude));
  const far = s.vsub(s.vconst(1), s.vdiv(s.vconst(2), s.vadd(growth, s.vconst(1))));
  return k.let(copySign(s.vselect(s.vlt(magnitude, s.vconst(0.625)), near, far), a));
}

/** The error function: a polynomial near 0, elsewhere 1 - e^P(|x|) with P near ln erfc. */
export function verf(k: KernelBuilder, x: Expr): Var {
  const a = k.let(x);
  const magnitude = k.let(s.vabs(a));
  const z = k.let(s.vmul(a, a));
  const near = k.let(
    s.vmul(
      a,
      polynomial(
        z,
        [
          1.1283791065216064, -0.3761262595653534, 0.11283600330352783, -0.026854444295167923,
          0.005189535673707724, -0.0008020842215046287, 7.889122935011983e-5,
        ],
      ),
    ),
  );
  const bounded = k.let(s.vmin(magnitude, s.vconst(4))); // erf 4 rounds to 1
  const exponent = polynomial(
    bounded,
    [
      -0.000312467833282426, -1.1272022724151611, -0.6379649639129639, -0.1032562106847763,
      0.021906480193138123, -0.002964006969705224, 0.00018797177472151816,
    ],
  );
  const far = s.vsub(s.vconst(1), vexp(k, exponent));
  return k.let(s.vselect(s.vlt(magnitude, s.vconst(1)), near, copySign(far, a)));
}
