// Elementary functions in WGSL, of one number or of four: a shader that uses them says which by `aliases`.
//
// The functions of WGSL itself may err by 1 part in 2,000 (sin, cos) or in 100,000 (exp, log of large arguments), so
// those that matter are made of additions and products, as on the CPU: relative errors about 1e-7 (sin and cos:
// absolute). Methods: Cody & Waite 1980, polynomials are minimax fits over the reduced ranges.

import { fourOf, wordsOf } from "./halves.ts";
import { float } from "./text.ts";

/** How many numbers a value of a shader has. */
export type Lanes = 1 | 4;

/** The types of values: F of floats, I of integers, U of unsigned ones. */
const aliases = (lanes: Lanes): string =>
  lanes === 1
    ? "alias F = f32;\nalias I = i32;\nalias U = u32;\n"
    : "alias F = vec4<f32>;\nalias I = vec4<i32>;\nalias U = vec4<u32>;\n";

/** A constant of type F. */
export const constant = (value: number): string => `F(${float(value)})`;

/** c[0] + c[1] x + c[2] x² + ... by Horner's rule. */
const polynomial = (x: string, coefficients: readonly number[]): string =>
  coefficients
    .slice(0, -1)
    .reduceRight((rest, c) => `fma(${rest}, ${x}, ${constant(c)})`, constant(coefficients.at(-1) ?? 0));

/** pi / 2 as a sum; the first two have 11 significant bits, so that their products with small integers are exact. */
const HALF_PI = [1.5703125, 4.837512969970703e-4, 7.549789948768648e-8] as const;
const INFINITY = constant(Number.POSITIVE_INFINITY);

const EXP = `
fn imago_exp(x: F) -> F {
  let n = round(x * ${constant(Math.LOG2E)});
  let r = fma(n, ${constant(2.1219444e-4)}, fma(n, ${constant(-0.693359375)}, x));
  let p = ${polynomial("r", [0.4999999403953552, 0.16666515171527863, 0.04166845604777336, 0.008369418792426586, 0.0013813144760206342])};
  let mantissa = fma(r * r, p, r) + ${constant(1)};
  let scaled = bitcast<F>(bitcast<I>(mantissa) + (I(clamp(n, ${constant(-127)}, ${constant(128)})) << U(23u)));
  let high = select(${INFINITY}, scaled, x <= ${constant(88.72283)});
  return select(select(high, F(), x < ${constant(-87.33654)}), x, x != x);
}`;

const LOG = `
fn imago_log(x: F) -> F {
  let tiny = x < ${constant(1.1754943508222875e-38)};
  let a = bitcast<I>(select(x, x * ${constant(8388608)}, tiny));
  let exponent = (a - I(0x3f3504f3)) >> U(23u);
  let n = F(exponent) - select(F(), ${constant(23)}, tiny);
  let f = bitcast<F>(a - (exponent << U(23u))) - ${constant(1)};
  let t = f / (f + ${constant(2)});
  let z = t * t;
  let remainder = z * ${polynomial("z", [0.6666677594184875, 0.39977285265922546, 0.29879170656204224])};
  let half_square = f * f * ${constant(0.5)};
  let low = fma(t, half_square + remainder, n * ${constant(-2.1219444e-4)});
  let result = fma(n, ${constant(0.693359375)}, f - (half_square - low));
  let edge = select(${constant(Number.NaN)}, -${INFINITY}, x == F());
  return select(select(x, result, x < ${INFINITY}), edge, x <= F());
}`;

/** The sine of r plus n quarters of a turn. */
const QUADRANT = `
fn imago_quadrant(r: F, n: I) -> F {
  let z = r * r;
  let sine = fma(r * z, ${polynomial("z", [-0.16666653752326965, 0.008332131430506706, -0.00019510838319547474])}, r);
  let cosine = fma(z * z, ${polynomial("z", [0.04166664555668831, -0.0013887305976822972, 2.4431205019936897e-5])}, fma(z, ${constant(-0.5)}, ${constant(1)}));
  let value = select(sine, cosine, (n & I(1)) == I(1));
  return select(value, -value, (n & I(2)) == I(2));
}`;

const SIN = `
fn imago_turned(x: F, quarters: I) -> F {
  let n = round(x * ${constant(2 / Math.PI)});
  let near = fma(n, ${constant(-HALF_PI[1])}, fma(n, ${constant(-HALF_PI[0])}, x));
  return imago_quadrant(fma(n, ${constant(-HALF_PI[2])}, near), I(n) + quarters);
}
fn imago_sin(x: F) -> F { return imago_turned(x, I(0)); }
fn imago_cos(x: F) -> F { return imago_turned(x, I(1)); }`;

/** The sine of x turns and some quarters. */
const SIN_TURNS = `
fn imago_sin_turns(x: F, quarters: I) -> F {
  let n = round(x * ${constant(4)});
  return imago_quadrant(fma(n, ${constant(-0.25)}, x) * ${constant(2 * Math.PI)}, I(n) + quarters);
}`;

const TANH = `
fn imago_tanh(x: F) -> F {
  let magnitude = abs(x);
  let z = x * x;
  let near = fma(magnitude * z, ${polynomial("z", [-0.3333328366279602, 0.13331490755081177, -0.05374349653720856, 0.020650586113333702, -0.005717043299227953])}, magnitude);
  let far = ${constant(1)} - ${constant(2)} / (imago_exp(magnitude + magnitude) + ${constant(1)});
  let result = select(far, near, magnitude < ${constant(0.625)});
  return select(result, -result, x < F());
}`;

const ERF = `
fn imago_erf(x: F) -> F {
  let magnitude = abs(x);
  let z = x * x;
  let near = x * ${polynomial("z", [1.1283791065216064, -0.3761262595653534, 0.11283600330352783, -0.026854444295167923, 0.005189535673707724, -0.0008020842215046287, 7.889122935011983e-5])};
  let bounded = min(magnitude, ${constant(4)});
  let exponent = ${polynomial("bounded", [-0.000312467833282426, -1.1272022724151611, -0.6379649639129639, -0.1032562106847763, 0.021906480193138123, -0.002964006969705224, 0.00018797177472151816])};
  let far = ${constant(1)} - imago_exp(exponent);
  return select(select(far, -far, x < F()), near, magnitude < ${constant(1)});
}`;

/** Bits of numbers that WGSL's constants may not be; variables, so that no compiler folds them. */
const BITS = `
var<private> infinity_bits: u32 = 0x7f800000u;
var<private> nan_bits: u32 = 0x7fc00000u;
`;

/** To 16 bits and back. */
const ROUNDED: Readonly<Record<Lanes, string>> = {
  1: `
fn imago_rounded(x: F) -> F { return unpack2x16float(imago_pair(vec2<f32>(x, 0.0f))).x; }`,
  4: `
fn imago_rounded(x: F) -> F { let words = ${wordsOf("x")}; return ${fourOf("words")}; }`,
};

/** Definitions of those functions and types that a text uses. */
export function functionsFor(code: string, lanes: Lanes = 1): string {
  const uses = (name: string) => code.includes(`imago_${name}`);
  const definitions = [
    uses("exp") || uses("tanh") || uses("erf") ? EXP : "",
    uses("log") ? LOG : "",
    uses("sin") || uses("cos") ? QUADRANT : "",
    /imago_(sin|cos)\(/.test(code) ? SIN : "",
    uses("sin_turns") ? SIN_TURNS : "",
    uses("tanh") ? TANH : "",
    uses("erf") ? ERF : "",
    uses("rounded") ? ROUNDED[lanes] : "",
  ].join("");
  const bits = /_bits\b/.test(code + definitions) ? BITS : "";
  return aliases(lanes) + bits + definitions;
}
