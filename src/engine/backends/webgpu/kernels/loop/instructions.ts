// A loop's instructions in WGSL. Values have type F (one float or four), or I for integers.

import type { LoopInstruction } from "../../../../program/loop_spec.ts";
import { constant } from "../../wgsl/functions.ts";

/**
 * Statements that compute every instruction: instruction i is `v<i>`.
 * @param load the expression of an operand's value
 */
export const instructionsAt = (
  instructions: readonly LoopInstruction[],
  load: (operand: number) => string,
): string =>
  instructions.map((instruction, i) => `let v${i} = ${expressionOf(instruction, load)};`).join("\n");

function expressionOf(instruction: LoopInstruction, load: (operand: number) => string): string {
  switch (instruction.op) {
    case "load":
      return load(instruction.operand);
    case "constant":
      return constant(instruction.value);
    case "unary":
      return unary(instruction.fn, `v${instruction.args[0]}`);
    case "binary":
      return binary(instruction.fn, `v${instruction.args[0]}`, `v${instruction.args[1]}`);
    case "where": {
      const [condition, a, b] = instruction.args;
      return `select(v${b}, v${a}, v${condition} != F())`;
    }
    case "toFloat":
      return `F(v${instruction.args[0]})`;
    case "toInt":
      return `I(v${instruction.args[0]})`;
    case "round":
      if (instruction.to !== "f16") throw new Error(`no WGSL for rounding to ${instruction.to}`);
      return `imago_rounded(v${instruction.args[0]})`;
    default:
      return instruction satisfies never;
  }
}

type Unary = Extract<LoopInstruction, { op: "unary" }>["fn"];
type Binary = Extract<LoopInstruction, { op: "binary" }>["fn"];

function unary(fn: Unary, x: string): string {
  switch (fn) {
    case "neg":
      return `-${x}`;
    case "exp":
    case "log":
    case "sin":
    case "cos":
    case "tanh":
    case "erf":
      return `imago_${fn}(${x})`;
    case "sigmoid":
      return `F(1.0f) / (F(1.0f) + imago_exp(-${x}))`;
    case "sqrt":
    case "abs":
    case "floor":
      return `${fn}(${x})`;
    case "isFinite":
      // By its bits: a compiler may take it that no number is infinite or NaN.
      return `select(F(), F(1.0f), (bitcast<U>(${x}) & U(0x7f800000u)) != U(0x7f800000u))`;
    default:
      return fn satisfies never;
  }
}

function binary(fn: Binary, a: string, b: string): string {
  switch (fn) {
    case "add":
      return `${a} + ${b}`;
    case "sub":
      return `${a} - ${b}`;
    case "mul":
      return `${a} * ${b}`;
    case "div":
      return `${a} / ${b}`;
    case "max":
    case "min":
      return `${fn}(${a}, ${b})`;
    case "lessThan":
      return `select(F(), F(1.0f), ${a} < ${b})`;
    default:
      return fn satisfies never;
  }
}
