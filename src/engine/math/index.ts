// Elementary functions whose results are the doubles nearest to the true values, in every runtime. Engines of
// JavaScript are free in theirs: Node's and Chromium's differ in the last bit, and so would all that is computed from
// them. What is used here (+ - * /, square roots, integers of any length) is fixed by IEEE 754 and the language.
// Each function is a fast path in sums of two doubles, whose error is known; where that leaves two doubles possible,
// integers of many bits decide.

export { atan, atan2 } from "./arc_tangent.ts";
export { powerOfTwo } from "./bits.ts";
export { exp, expm1, tanh } from "./exponential.ts";
export { log, log1p, log2, log10 } from "./logarithm.ts";
export { pow, square } from "./power.ts";
export { cbrt, hypot } from "./roots.ts";
export { cos, sin, tan } from "./trigonometry.ts";
