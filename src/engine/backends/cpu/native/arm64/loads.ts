// Loads into vector registers.

import type { Expr, LoadExpr } from "../../simd/expr.ts";
import type { Register } from "../code.ts";
import { addressOf, placed, registersOf } from "./addresses.ts";
import type { Assembler } from "./assembler.ts";
import type { Context } from "./context.ts";
import { MEMORY, type MemoryOperation } from "./memory_opcodes.ts";

/** Only lane 0 of a value that is the same in all lanes. */
export function scalarInto(c: Context, e: Expr, to: Register): Register {
  if (e.kind === "load") return loadPlain(c, e, "loadFloat", to);
  if (e.kind === "op" && e.op === "f32x4.splat") return c.vectorInto(e.args[0], to);
  throw new Error("the lanes of a value differ");
}

/** Computes what is loaded into a vector register. */
export function load(c: Context, e: LoadExpr, to: Register): Register {
  switch (e.op) {
    case "v128.load":
      return loadPlain(c, e, "loadVector", to);
    case "f32.load":
    case "v128.load32_zero":
      return loadPlain(c, e, "loadFloat", to);
    case "v128.load64_zero":
      return loadPlain(c, e, "loadDouble", to);
    case "v128.load32_splat":
      return loadPlain(c, e, "loadFloat", to, (a, loaded) => a.lane("dupFloat", loaded, loaded, 0));
    case "v128.load16x4_u":
      return loadPlain(c, e, "loadDouble", to, (a, loaded) => a.unary("uxtl", loaded, loaded));
    default:
      throw new Error(`${e.op} does not load a vector`);
  }
}

function loadPlain(
  c: Context,
  e: LoadExpr,
  operation: MemoryOperation,
  to: Register,
  then: (a: Assembler, loaded: number) => void = () => undefined,
): Register {
  const from = addressOf(c, e.address, e.offset);
  c.code.add([to], registersOf(from), (a, at) => {
    a.memory(operation, at(to), placed(a, from, at, MEMORY[operation].bytes));
    then(a, at(to));
  });
  return to;
}
