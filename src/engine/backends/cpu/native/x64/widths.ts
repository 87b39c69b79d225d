// How wide the register of each vector variable must be: as wide as the widest place that reads or writes it.

import type { Expr, Var } from "../../simd/expr.ts";
import type { Statement } from "../../simd/statement.ts";
import type { Width } from "./assembler.ts";

/** Vectors per register of each v128 variable; 1 for those that are missing. */
export function vectorWidths(body: readonly Statement[]): Map<Var, Width> {
  const widths = new Map<Var, Width>();
  /** Variables that a wider variable is computed from. */
  const sources: { readonly variable: Var; readonly value: Expr }[] = [];
  const widen = (variable: Var, width: Width): boolean => {
    if (variable.type !== "v128" || (widths.get(variable) ?? 1) >= width) return false;
    widths.set(variable, width);
    return true;
  };
  const read = (e: Expr | undefined, width: Width): boolean => {
    if (e === undefined) return false;
    switch (e.kind) {
      case "var":
        return widen(e, width);
      case "op":
        return e.args.reduce((changed, arg) => read(arg, width) || changed, false);
      default:
        return false; // lanes are of one vector; addresses and constants have none
    }
  };
  const walk = (block: readonly Statement[], group: Width): void => {
    for (const each of block) {
      switch (each.kind) {
        case "let":
        case "set":
          widen(each.variable, group);
          read(each.value, group);
          sources.push(each);
          break;
        case "store":
          read(each.value, group);
          break;
        case "vectors":
          walk(each.body, each.count);
          break;
        case "for":
        case "while":
          walk(each.body, group);
          break;
        case "if":
          walk(each.yes, group);
          walk(each.no, group);
          break;
        case "call":
        case "callIndirect":
        case "atomic":
        case "prefetch":
        case "return":
          break;
        default:
          each satisfies never;
      }
    }
  };
  walk(body, 1);
  for (let changed = true; changed; ) {
    changed = false;
    for (const { variable, value } of sources) {
      const width = widths.get(variable);
      if (width !== undefined && width > 1 && read(value, width)) changed = true;
    }
  }
  return widths;
}
