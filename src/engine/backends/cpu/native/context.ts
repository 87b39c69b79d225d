// What the selection of instructions for one function knows, on every machine.

import type { ValueType, Var } from "../simd/expr.ts";
import type { FunctionRef } from "../simd/statement.ts";
import type { Code, Register } from "./code.ts";
import type { Label } from "./label.ts";

/** What the functions of a module share. */
export interface ModuleContext {
  /** Where in the code a function that is called begins. */
  readonly target: (f: FunctionRef) => Label;
  /** The table of functions. */
  readonly table: Label;
}

export interface Context<Assembler> extends ModuleContext {
  readonly code: Code<Assembler>;
  readonly variables: Map<Var, Register>;
  /** Leaves the function. */
  readonly exit: (a: Assembler) => void;
}

/** The register of a variable that has been written. */
export function registerOf({ variables }: Pick<Context<never>, "variables">, variable: Var): Register {
  const register = variables.get(variable);
  if (register === undefined) throw new Error("a variable is used outside the block it was made in");
  return register;
}

export const isVector = (type: ValueType | undefined): boolean =>
  type === "v128" || type === "f32" || type === "f64";
