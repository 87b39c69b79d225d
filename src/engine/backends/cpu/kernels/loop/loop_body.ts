// Emits the instructions of a loop nest: one value per instruction and vector position, as far out as possible.

import { DTYPE_BYTES, isHalf } from "../../../../graph.ts";
import type { LoopArray, LoopInstruction, LoopSpec } from "../../../../program/loop_spec.ts";
import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import { narrow, widen } from "../../simd/half.ts";
import * as math from "../../simd/math.ts";
import * as s from "../../simd/ops.ts";

/** A position along the vector axis: a constant offset from the pointers, and 4 lanes or 1. */
export interface Position {
  /** Offset from the pointers, in elements. */
  readonly index: number;
  readonly lanes: 4 | 1;
}

/** The axes in nesting order, and which of them is vectorised. */
export interface Nest {
  readonly axes: readonly number[];
  /** Index into `axes`. */
  readonly vectorLevel: number;
}

/**
 * Knows in which loop each instruction's value changes. Level l is inside loops 0..l-1; loop-invariant values have
 * level 0.
 */
export class LoopBody {
  readonly #spec: LoopSpec;
  readonly #nest: Nest;
  readonly #levels: number[] = [];
  readonly #alongVector: boolean[] = [];
  /** Values by instruction, and by position for those that change along the vector axis. */
  readonly #shared: (Expr | undefined)[] = [];
  readonly #byPosition = new Map<Position, (Expr | undefined)[]>();

  constructor(spec: LoopSpec, nest: Nest) {
    this.#spec = spec;
    this.#nest = nest;
    for (const instruction of spec.instructions) {
      this.#levels.push(this.#levelOf(instruction));
      this.#alongVector.push(this.#changesAlongVector(instruction));
    }
  }

  /**
   * Emits all values that change with loop level-1 and no inner loop; `pointers` are the current addresses of the
   * operands.
   */
  emit(k: KernelBuilder, level: number, pointers: readonly Expr[], positions: readonly Position[]): void {
    for (const [i, instruction] of this.#spec.instructions.entries()) {
      if (this.#levels[i] === level && !this.#alongVector[i]) {
        this.#shared[i] = this.#compute(k, instruction, pointers, undefined);
      }
    }
    for (const position of positions) {
      const values = this.#byPosition.get(position) ?? [];
      this.#byPosition.set(position, values);
      for (const [i, instruction] of this.#spec.instructions.entries()) {
        if (this.#levels[i] === level && this.#alongVector[i]) {
          values[i] = this.#compute(k, instruction, pointers, position);
        }
      }
    }
  }

  /** The value of an instruction that was emitted before. */
  value(i: number, position: Position | undefined): Expr {
    const known = (position && this.#byPosition.get(position)?.[i]) ?? this.#shared[i];
    if (known === undefined) throw new Error(`loop value ${i} is used before it is computed`);
    return known;
  }

  #levelOf(instruction: LoopInstruction): number {
    if (instruction.op === "constant") return 0;
    if (instruction.op === "load") {
      const { strides } = this.#operand(instruction.operand);
      return 1 + this.#nest.axes.findLastIndex((axis) => strides[axis] !== 0);
    }
    return Math.max(...instruction.args.map((arg) => this.#levels[arg]));
  }

  #changesAlongVector(instruction: LoopInstruction): boolean {
    if (instruction.op === "constant") return false;
    if (instruction.op === "load") return this.#vectorStride(instruction.operand) !== 0;
    return instruction.args.some((arg) => this.#alongVector[arg]);
  }

  #operand(i: number) {
    return this.#spec.operands[i];
  }

  #vectorStride(operand: number): number {
    return this.#operand(operand).strides[this.#nest.axes[this.#nest.vectorLevel]];
  }

  #compute(
    k: KernelBuilder,
    instruction: LoopInstruction,
    pointers: readonly Expr[],
    position: Position | undefined,
  ): Expr {
    switch (instruction.op) {
      case "constant":
        return s.vconst(instruction.value);
      case "load": {
        const pointer = pointers[instruction.operand];
        const operand = this.#operand(instruction.operand);
        const steps = (position?.index ?? 0) * this.#vectorStride(instruction.operand);
        return loadElements(k, operand, pointer, DTYPE_BYTES[operand.dtype] * steps, position?.lanes);
      }
      case "unary":
        return unary(k, instruction.fn, this.value(instruction.args[0], position));
      case "binary": {
        const [a, b] = instruction.args;
        return k.let(binary(instruction.fn, this.value(a, position), this.value(b, position)));
      }
      case "where": {
        const [condition, a, b] = instruction.args;
        const zero = s.veq(this.value(condition, position), s.vconst(0));
        return k.let(s.vselect(zero, this.value(b, position), this.value(a, position)));
      }
      case "toFloat":
        return k.let(s.vfromI32(this.value(instruction.args[0], position)));
      case "toInt":
        return k.let(s.vtoI32(this.value(instruction.args[0], position)));
      case "round": {
        const bits = narrow(k, this.value(instruction.args[0], position), instruction.to);
        return widen(k, bits, instruction.to);
      }
      default:
        return instruction satisfies never;
    }
  }
}

/** Loads elements as f32 (or i32): four, one in lane 0, or one in every lane where `lanes` is undefined. */
function loadElements(
  k: KernelBuilder,
  { dtype }: LoopArray,
  pointer: Expr,
  offset: number,
  lanes: 4 | 1 | undefined,
): Expr {
  if (isHalf(dtype)) {
    const bits = lanes === 4 ? s.loadU16Lanes(pointer, offset) : s.xsplat(s.loadU16(pointer, offset));
    return widen(k, bits, dtype);
  }
  if (lanes === undefined) return k.let(s.loadSplat(pointer, offset));
  return k.let(lanes === 4 ? s.loadV(pointer, offset) : s.loadLane0(pointer, offset));
}

/** Stores four values, or lane 0 only. */
export function storeElements(
  k: KernelBuilder,
  { dtype }: LoopArray,
  pointer: Expr,
  value: Expr,
  offset: number,
  lanes: 4 | 1,
): void {
  if (isHalf(dtype)) {
    const bits = narrow(k, value, dtype);
    if (lanes === 4) k.storeU16Lanes(pointer, bits, offset);
    else k.storeU16(pointer, s.xextractLane(bits, 0), offset);
  } else if (lanes === 4) k.storeV(pointer, value, offset);
  else k.storeLane0(pointer, value, offset);
}

function unary(k: KernelBuilder, fn: (LoopInstruction & { op: "unary" })["fn"], x: Expr): Expr {
  switch (fn) {
    case "neg":
      return k.let(s.vneg(x));
    case "exp":
      return math.vexp(k, x);
    case "log":
      return math.vlog(k, x);
    case "sqrt":
      return k.let(s.vsqrt(x));
    case "sin":
      return math.vsin(k, x);
    case "cos":
      return math.vcos(k, x);
    case "tanh":
      return math.vtanh(k, x);
    case "erf":
      return math.verf(k, x);
    case "sigmoid":
      return math.vsigmoid(k, x);
    case "abs":
      return k.let(s.vabs(x));
    case "floor":
      return k.let(s.vfloor(x));
    case "isFinite":
      return k.let(s.vand(s.vlt(s.vabs(x), s.vconst(Number.POSITIVE_INFINITY)), s.vconst(1)));
    default:
      return fn satisfies never;
  }
}

function binary(fn: (LoopInstruction & { op: "binary" })["fn"], a: Expr, b: Expr): Expr {
  switch (fn) {
    case "add":
      return s.vadd(a, b);
    case "sub":
      return s.vsub(a, b);
    case "mul":
      return s.vmul(a, b);
    case "div":
      return s.vdiv(a, b);
    case "max":
      return s.vmax(a, b);
    case "min":
      return s.vmin(a, b);
    case "lessThan":
      return s.vand(s.vlt(a, b), s.vconst(1));
    default:
      return fn satisfies never;
  }
}
