// Winograd's transforms on vectors of channels.

import type { Arithmetic } from "../../../winograd/transforms.ts";
import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";

/** The lanes are channels. */
export const vectors = (k: KernelBuilder): Arithmetic<Expr> => ({
  keep: (value) => k.let(value),
  add: s.vadd,
  sub: s.vsub,
  times: (a, constant) => s.vmul(a, s.vconst(constant)),
  plus: (a, constant, b) => s.vfma(a, s.vconst(constant), b),
  minus: (a, constant, b) => s.vfnma(a, s.vconst(constant), b),
});
