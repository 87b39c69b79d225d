// Variables that hold one number in every lane and are only ever factors: products can take lane 0 of a register for all
// lanes, so that nothing need be repeated.

import type { Expr, Var } from "../../simd/expr.ts";
import type { Statement } from "../../simd/statement.ts";
import { eachStatement, expressionsOf, operandsOf } from "../../simd/walk.ts";

/** Whether a value is one number in every lane. */
export const isSplat = (e: Expr): boolean =>
  (e.kind === "load" && e.op === "v128.load32_splat") || (e.kind === "op" && e.op === "f32x4.splat");

const PRODUCTS = ["f32x4.fma", "f32x4.fnma", "f32x4.mul"];

/** The variables of a function of which lane 0 suffices. */
export function scalarVariables(body: readonly Statement[]): ReadonlySet<Var> {
  const found = new Set<Var>();
  const others = new Set<Var>();
  /** The factor of a product that may be a scalar: one of the two. */
  const scalarFactor = (e: Expr): Expr | undefined => {
    if (e.kind !== "op" || !PRODUCTS.includes(e.op) || e.args[0] === e.args[1]) return undefined;
    return e.args.slice(0, 2).find((factor) => factor.kind === "var" && found.has(factor));
  };
  const read = (e: Expr): void => {
    if (e.kind === "var") others.add(e);
    const factor = scalarFactor(e);
    for (const operand of operandsOf(e)) if (operand !== factor) read(operand);
  };
  eachStatement(body, (each) => {
    expressionsOf(each).forEach(read);
    if (each.kind === "let" && isSplat(each.value)) found.add(each.variable);
    if (each.kind === "set") others.add(each.variable);
  });
  for (const variable of others) found.delete(variable);
  return found;
}
