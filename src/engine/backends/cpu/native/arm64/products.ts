// Products and fused multiply-adds. A factor that is one number in every lane is lane 0 of its register.

import type { Expr } from "../../simd/expr.ts";
import type { Register } from "../code.ts";
import { registerOf } from "../context.ts";
import { type Context, newVector, vector } from "./context.ts";
import { scalarInto } from "./loads.ts";
import { V31 } from "./registers.ts";
import { isSplat } from "./scalars.ts";

interface Factors {
  readonly p: Register;
  readonly q: Register;
  /** Lane 0 of q is the factor of all lanes. */
  readonly byElement: boolean;
}

function factorsOf(c: Context, x: Expr, y: Expr): Factors {
  const isKept = (e: Expr): boolean => e.kind === "var" && c.scalars.has(e);
  for (const isScalar of [isKept, isSplat]) {
    const [scalar, other] = isScalar(x) ? [x, y] : [y, x];
    if (!isScalar(scalar) || isKept(other)) continue;
    const p = vector(c, other);
    const q = scalar.kind === "var" ? registerOf(c, scalar) : scalarInto(c, scalar, newVector(c));
    return { p, q, byElement: true };
  }
  return { p: vector(c, x), q: vector(c, y), byElement: false };
}

export function product(c: Context, to: Register, x: Expr, y: Expr): Register {
  const { p, q, byElement } = factorsOf(c, x, y);
  c.code.add([to], [p, q], (a, at) => {
    if (byElement) a.byElement("fmul", at(to), at(p), at(q), 0);
    else a.binary("fmul", at(to), at(p), at(q));
  });
  return to;
}

/** z + x y, or z - x y: the instruction adds to the register of its result. */
export function fusedMultiply(
  c: Context,
  operation: "fmla" | "fmls",
  to: Register,
  x: Expr,
  y: Expr,
  z: Expr,
): Register {
  const { p, q, byElement } = factorsOf(c, x, y);
  const r = z.kind === "vconst" ? c.vectorInto(z, newVector(c)) : vector(c, z);
  c.code.add(
    [to],
    [p, q, r],
    (a, at) => {
      const isFactor = at(to) !== at(r) && (at(to) === at(p) || at(to) === at(q));
      const sum = isFactor ? V31 : at(to);
      a.moveVector(sum, at(r));
      if (byElement) a.byElement(operation, sum, at(p), at(q), 0);
      else a.binary(operation, sum, at(p), at(q));
      a.moveVector(at(to), sum);
    },
    [r],
  );
  return to;
}
