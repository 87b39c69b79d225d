// Vector constants of loops without other loops inside stay in registers while these run. What a sum begins with is
// loaded anew: the instruction that adds to it overwrites its register.

import type { Expr, VectorConstant } from "../../simd/expr.ts";
import type { Statement } from "../../simd/statement.ts";
import { eachStatement, expressionsOf, operandsOf } from "../../simd/walk.ts";
import { type Context, newVector } from "./context.ts";

/** Records a loop; its constants are computed before. */
export function withConstants(c: Context, body: readonly Statement[], record: () => void): void {
  for (const e of constantsOf(body)) {
    const key = e.words.join();
    if (!c.constants.has(key)) c.constants.set(key, c.vectorInto(e, newVector(c)));
  }
  record();
  c.constants.clear();
}

/** Those that instructions read, where the body has no loop. */
function constantsOf(body: readonly Statement[]): VectorConstant[] {
  const found: VectorConstant[] = [];
  let hasLoop = false;
  const operands = (e: Expr): void => {
    const isSum = e.kind === "op" && (e.op === "f32x4.fma" || e.op === "f32x4.fnma");
    operandsOf(e).forEach((operand, i) => {
      if (operand.kind !== "vconst") operands(operand);
      else if (!isSum || i < 2) found.push(operand);
    });
  };
  eachStatement(body, (each) => {
    if (each.kind === "for" || each.kind === "while") hasLoop = true;
    expressionsOf(each).forEach(operands);
  });
  return hasLoop ? [] : found;
}
