// Fused multiply-adds: to = a b + c, or c - a b. The instruction overwrites one of its operands, which is chosen so that
// nothing need be copied where one of them is no longer used.

import type { Expr } from "../../simd/expr.ts";
import type { Register } from "../code.ts";
import type { Context, Form } from "./context.ts";
import { isMemory, last, vector } from "./operands.ts";
import { moveVector } from "./select.ts";
import { VECTOR } from "./vector_opcodes.ts";

export function fusedMultiply(
  c: Context,
  negative: boolean,
  form: Form,
  to: Register,
  x: Expr,
  y: Expr,
  z: Expr,
): Register {
  const { width } = form;
  const op = negative
    ? { f132: VECTOR.vfnmadd132ps, f213: VECTOR.vfnmadd213ps, f231: VECTOR.vfnmadd231ps }
    : { f132: VECTOR.vfmadd132ps, f213: VECTOR.vfmadd213ps, f231: VECTOR.vfmadd231ps };
  if (isMemory(c, z, form) && !isMemory(c, x, form) && !isMemory(c, y, form)) {
    const [p, q] = [vector(c, x, form), vector(c, y, form)];
    const sum = last(c, z, form);
    c.code.add(
      [to],
      [p, q, ...sum.reads],
      (a, at) => {
        const [first, second] = at(to) === at(q) ? [at(q), at(p)] : [at(p), at(q)];
        moveVector(a, width, at(to), first);
        a.vector(op.f213, width, at(to), second, sum.at(at), { broadcast: sum.broadcast });
      },
      [p, q],
    );
    return to;
  }
  const [inPlace, other] = isMemory(c, x, form) ? [y, x] : [x, y];
  const p = vector(c, inPlace, form);
  const r = vector(c, z, form);
  const q = last(c, other, form);
  c.code.add(
    [to],
    [p, r, ...q.reads],
    (a, at) => {
      const [t, first, third] = [at(to), at(p), at(r)];
      const second = q.at(at);
      const form = { broadcast: q.broadcast };
      if (t === third) a.vector(op.f231, width, t, first, second, form);
      else if (t === first) a.vector(op.f132, width, t, third, second, form);
      else if (t === second) a.vector(op.f132, width, t, third, first);
      else {
        moveVector(a, width, t, third);
        a.vector(op.f231, width, t, first, second, form);
      }
    },
    [r, p, ...q.reads.filter(({ bank }) => bank === "vector")],
  );
  return to;
}
