// Walks over recorded statements.

import type { Expr } from "./expr.ts";
import type { Statement } from "./statement.ts";

/** Calls `visit` for every statement of a block, outer ones first. */
export function eachStatement(block: readonly Statement[], visit: (statement: Statement) => void): void {
  for (const each of block) {
    visit(each);
    if (each.kind === "for" || each.kind === "while" || each.kind === "vectors")
      eachStatement(each.body, visit);
    else if (each.kind === "if") {
      eachStatement(each.yes, visit);
      eachStatement(each.no, visit);
    }
  }
}

/** The expressions of a statement itself, without those of statements inside of it. */
export function expressionsOf(each: Statement): readonly Expr[] {
  switch (each.kind) {
    case "let":
    case "set":
      return [each.value];
    case "store":
      return [each.address, each.value];
    case "for":
      return [each.start, each.end, each.step];
    case "while":
    case "if":
      return [each.condition];
    case "call":
      return each.args;
    case "callIndirect":
      return [...each.args, each.index];
    case "atomic":
      return [each.address, ...each.args];
    case "prefetch":
      return [each.address];
    case "return":
      return each.value === undefined ? [] : [each.value];
    case "vectors":
      return [];
    default:
      return each satisfies never;
  }
}

/** The operands of an expression. */
export function operandsOf(e: Expr): readonly Expr[] {
  switch (e.kind) {
    case "op":
    case "lanes":
      return e.args;
    case "load":
      return [e.address];
    case "var":
    case "const":
    case "vconst":
      return [];
    default:
      return e satisfies never;
  }
}
