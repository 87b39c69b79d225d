// Instructions for integer expressions and conditions.
//
// The kernels' i32 is an address or a small number, and never wraps: here it has 64 bits, so that memory has no end at
// 4 GiB. What is loaded is extended with its sign; quotients, remainders and right shifts are of 32 bits.

import type { Constant, Expr, LoadExpr, Operation, OperationExpr } from "../../simd/expr.ts";
import type { Places, Register } from "../code.ts";
import { registerOf } from "../context.ts";
import type { Label } from "../label.ts";
import { reciprocal } from "../sums.ts";
import { addressInto, addressOf, placed, registersOf } from "./addresses.ts";
import { type Assembler, CONDITION, type Condition, type IntegerOperation, negate } from "./assembler.ts";
import { type Context, integer } from "./context.ts";
import { isSumImmediate, lowBits } from "./immediates.ts";
import { MEMORY, type MemoryOperation } from "./memory_opcodes.ts";
import { X16, X17 } from "./registers.ts";

const COMPARISONS: Readonly<Partial<Record<Operation, Condition>>> = {
  "i32.eq": CONDITION.equal,
  "i32.ne": CONDITION.notEqual,
  "i32.lt_s": CONDITION.less,
  "i32.lt_u": CONDITION.below,
  "i32.gt_s": CONDITION.greater,
};

/** Whether sums and comparisons can hold the number itself. */
export const isImmediate = (e: Expr): e is Constant => e.kind === "const" && isSumImmediate(e.value);

/** Computes the value into a register. */
export function integerInto(c: Context, e: Expr, to: Register): Register {
  const { code } = c;
  switch (e.kind) {
    case "const":
      code.add([to], [], (a, at) => a.moveConstant(at(to), e.value));
      return to;
    case "var": {
      const from = registerOf(c, e);
      if (from !== to) code.add([to], [from], (a, at) => a.move(at(to), at(from)), [from]);
      return to;
    }
    case "load":
      return load(c, e, to);
    case "lanes":
      return c.lane(e, to);
    case "op":
      return operation(c, e, to);
    case "vconst":
      throw new Error("a vector is not an integer");
    default:
      return e satisfies never;
  }
}

function load(c: Context, e: LoadExpr, to: Register): Register {
  const from = addressOf(c, e.address, e.offset);
  const plain = (operation: MemoryOperation): Register => {
    c.code.add([to], registersOf(from), (a, at) =>
      a.memory(operation, at(to), placed(a, from, at, MEMORY[operation].bytes)),
    );
    return to;
  };
  switch (e.op) {
    case "i32.load":
      return plain("loadI32");
    case "address.load":
      return plain("load64");
    case "i32.load16_u":
      return plain("loadU16");
    case "i32.atomic.load":
      c.code.add([to], registersOf(from), (a, at) => {
        addressInto(a, X16, from, at);
        a.atomic("loadAcquire", at(to), X16);
        a.extend32(at(to), at(to));
      });
      return to;
    default:
      throw new Error(`${e.op} does not load an integer`);
  }
}

function operation(c: Context, e: OperationExpr, to: Register): Register {
  const { code } = c;
  const [x, y, z] = e.args;
  switch (e.op) {
    case "i32.add": {
      const sum = addressOf(c, e, 0);
      code.add([to], registersOf(sum), (a, at) => addressInto(a, at(to), sum, at), registersOf(sum));
      return to;
    }
    case "i32.sub": {
      const [p, q] = [integer(c, x), integer(c, y)];
      code.add([to], [p, q], (a, at) => a.subtract(at(to), at(p), at(q)));
      return to;
    }
    case "i32.mul":
      return binary(c, "multiply", to, x, y);
    case "i32.and": {
      const count = y.kind === "const" ? lowBits(y.value) : undefined;
      if (count === undefined) return binary(c, "and", to, x, y);
      const p = integer(c, x);
      code.add([to], [p], (a, at) => a.keepLow(at(to), at(p), count));
      return to;
    }
    case "i32.or":
      return binary(c, "or", to, x, y);
    case "i32.shl":
    case "i32.shr_u":
      return shift(c, to, e.op === "i32.shl", x, y);
    case "i32.div_u":
    case "i32.rem_u":
      return divide(c, to, e.op === "i32.div_u", x, y);
    case "i32.select":
    case "i64.select": {
      const [p, q] = [integer(c, x), integer(c, y)];
      const { emit, reads, condition } = compare(c, z);
      code.add([to], [p, q, ...reads], (a, at) => {
        emit(a, at);
        a.choose(condition, at(to), at(p), at(q));
      });
      return to;
    }
    default: {
      // A condition as a number.
      const { emit, reads, condition } = compare(c, e);
      code.add([to], reads, (a, at) => {
        emit(a, at);
        a.setIf(condition, at(to));
      });
      return to;
    }
  }
}

function binary(c: Context, operation: IntegerOperation, to: Register, x: Expr, y: Expr): Register {
  const p = integer(c, x);
  if (y.kind === "const") {
    c.code.add([to], [p], (a, at) => {
      a.moveConstant(X16, y.value);
      a.integer(operation, at(to), at(p), X16);
    });
    return to;
  }
  const q = integer(c, y);
  c.code.add([to], [p, q], (a, at) => a.integer(operation, at(to), at(p), at(q)));
  return to;
}

function shift(c: Context, to: Register, isLeft: boolean, x: Expr, by: Expr): Register {
  if (by.kind !== "const") return binary(c, isLeft ? "shiftLeft" : "shiftRight32", to, x, by);
  const p = integer(c, x);
  c.code.add([to], [p], (a, at) => {
    if (isLeft) a.shiftLeftBy(at(to), at(p), by.value & 31);
    else a.shiftRight32By(at(to), at(p), by.value & 31);
  });
  return to;
}

/** Unsigned division of 32 bits; by a constant it is a product (see `reciprocal`). */
function divide(c: Context, to: Register, isQuotient: boolean, x: Expr, y: Expr): Register {
  const p = integer(c, x);
  if (y.kind === "const") {
    const { multiplier, shift } = reciprocal(y.value);
    c.code.add([to], [p], (a, at) => {
      a.moveConstant(X16, multiplier);
      a.integer("multiply", X16, at(p), X16);
      a.shiftRightBy(isQuotient ? at(to) : X16, X16, shift);
      if (isQuotient) return;
      a.moveConstant(X17, y.value);
      a.multiplySubtract(at(to), X16, X17, at(p));
    });
    return to;
  }
  const q = integer(c, y);
  c.code.add([to], [p, q], (a, at) => {
    a.integer("divide32", isQuotient ? at(to) : X16, at(p), at(q));
    if (!isQuotient) a.multiplySubtract(at(to), X16, at(q), at(p));
  });
  return to;
}

export interface Comparison {
  /** Tells, after `emit` set the processor's flags, whether the expression holds. */
  readonly condition: Condition;
  readonly reads: readonly Register[];
  readonly emit: (a: Assembler, at: Places) => void;
}

/** The truth of an expression as a comparison. */
export function compare(c: Context, e: Expr): Comparison {
  if (e.kind === "op") {
    const condition = COMPARISONS[e.op];
    const [x, y] = e.args;
    if (condition !== undefined) {
      const p = integer(c, x);
      if (isImmediate(y))
        return { condition, reads: [p], emit: (a, at) => a.compareConstant(at(p), y.value) };
      const q = integer(c, y);
      return { condition, reads: [p, q], emit: (a, at) => a.compare(at(p), at(q)) };
    }
  }
  const isNegated = e.kind === "op" && e.op === "i32.eqz";
  const p = integer(c, isNegated ? e.args[0] : e);
  return {
    condition: isNegated ? CONDITION.equal : CONDITION.notEqual,
    reads: [p],
    emit: (a, at) => a.compareConstant(at(p), 0),
  };
}

/** Jumps to `target` if the truth of the expression is `wanted`, and goes on otherwise. */
export function branch(c: Context, e: Expr, wanted: boolean, target: Label): void {
  const tested = testedForZero(e);
  if (tested !== undefined) {
    const p = integer(c, tested.value);
    c.code.add([], [p], (a, at) => {
      if (tested.isZero === wanted) a.jumpIfZero(at(p), target);
      else a.jumpUnlessZero(at(p), target);
    });
    return;
  }
  const { condition, reads, emit } = compare(c, e);
  c.code.add([], reads, (a, at) => {
    emit(a, at);
    a.jumpIf(wanted ? condition : negate(condition), target);
  });
}

/** What an expression that holds for zero, or for all but zero, looks at. */
function testedForZero(e: Expr): { readonly value: Expr; readonly isZero: boolean } | undefined {
  if (e.kind !== "op") return { value: e, isZero: false };
  const [x, y] = e.args;
  if (e.op === "i32.eqz") return { value: x, isZero: true };
  if ((e.op === "i32.eq" || e.op === "i32.ne") && y.kind === "const" && y.value === 0)
    return { value: x, isZero: e.op === "i32.eq" };
  return e.op in COMPARISONS ? undefined : { value: e, isZero: false };
}
