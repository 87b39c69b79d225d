// Instructions for integer expressions, conditions and addresses.
//
// The kernels' i32 is an address or a small number, and never wraps: here it has 64 bits, so that memory has no end at
// 4 GiB. What is loaded is extended with its sign; quotients, remainders and right shifts are of 32 bits.

import type { Constant, Expr, LoadExpr, Operation, OperationExpr } from "../../simd/expr.ts";
import type { Register } from "../code.ts";
import { registerOf } from "../context.ts";
import type { Label } from "../label.ts";
import { number, reciprocal, sumOf } from "../sums.ts";
import type { Assembler, Condition } from "./assembler.ts";
import { CONDITION, negate } from "./assembler.ts";
import { type Address, type Context, placed, registersOf } from "./context.ts";
import { RAX, RDX } from "./registers.ts";

const COMPARISONS: Readonly<Partial<Record<Operation, Condition>>> = {
  "i32.eq": CONDITION.equal,
  "i32.ne": CONDITION.notEqual,
  "i32.lt_s": CONDITION.less,
  "i32.lt_u": CONDITION.below,
  "i32.gt_s": CONDITION.greater,
};

/** Whether an instruction can hold the number itself. */
export const isImmediate = (e: Expr): e is Constant =>
  e.kind === "const" && e.value >= -(2 ** 31) && e.value < 2 ** 31;

/** A register with the value, which must not be written to: it may be a variable's. */
export function integer(c: Context, e: Expr): Register {
  return e.kind === "var" ? registerOf(c, e) : integerInto(c, e, c.code.int());
}

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
  const reads = registersOf(from);
  switch (e.op) {
    case "i32.load":
    case "i32.atomic.load":
      c.code.add([to], reads, (a, at) => a.loadI32(at(to), placed(from, at)));
      return to;
    case "address.load":
      c.code.add([to], reads, (a, at) => a.load64(at(to), placed(from, at)));
      return to;
    case "i32.load16_u":
      c.code.add([to], reads, (a, at) => a.loadU16(at(to), placed(from, at)));
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
      code.add([to], registersOf(sum), (a, at) => add(a, at(to), placed(sum, at)), registersOf(sum));
      return to;
    }
    case "i32.sub": {
      const [p, q] = [integer(c, x), integer(c, y)];
      code.add([to], [p, q], (a, at) => subtract(a, at(to), at(p), at(q)), [p]);
      return to;
    }
    case "i32.mul":
      if (isImmediate(y)) {
        const p = integer(c, x);
        code.add([to], [p], (a, at) => a.multiplyConstant(at(to), at(p), y.value));
        return to;
      }
      return commutative(c, to, x, y, (a, p, q) => a.multiply(p, q));
    case "i32.and":
      return commutative(c, to, x, y, (a, p, q) => a.and(p, q));
    case "i32.or":
      return commutative(c, to, x, y, (a, p, q) => a.or(p, q));
    case "i32.shl":
    case "i32.shr_u":
      return shift(c, to, e.op === "i32.shl" ? "left" : "right", x, y);
    case "i32.div_u":
    case "i32.rem_u":
      return divide(c, to, e.op === "i32.div_u", x, y);
    case "i32.select":
    case "i64.select": {
      const [p, q, r] = [integer(c, x), integer(c, y), integer(c, z)];
      code.add([to], [p, q, r], (a, at) => select(a, at(to), at(p), at(q), at(r)), [q, p]);
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

function add(a: Assembler, to: number, sum: ReturnType<typeof placed>): void {
  if (sum.kind === "address" && sum.index === undefined && sum.base === to) {
    if (sum.disp !== 0) a.withConstant(0, to, sum.disp);
  } else a.address(to, sum);
}

function subtract(a: Assembler, to: number, p: number, q: number): void {
  if (to === q && to !== p) {
    a.negate(to);
    a.add(to, p);
  } else {
    a.move(to, p);
    a.sub(to, q);
  }
}

/** to = condition ? p : q */
function select(a: Assembler, to: number, p: number, q: number, condition: number): void {
  a.test(condition, condition);
  if (to === p) {
    a.moveIf(CONDITION.equal, to, q);
  } else {
    a.move(to, q);
    a.moveIf(CONDITION.notEqual, to, p);
  }
}

function commutative(
  c: Context,
  to: Register,
  x: Expr,
  y: Expr,
  emit: (a: Assembler, to: number, by: number) => void,
): Register {
  const [p, q] = [integer(c, x), integer(c, y)];
  c.code.add(
    [to],
    [p, q],
    (a, at) => {
      const [first, second] = at(to) === at(q) ? [q, p] : [p, q];
      a.move(at(to), at(first));
      emit(a, at(to), at(second));
    },
    [p, q],
  );
  return to;
}

function shift(c: Context, to: Register, direction: "left" | "right", x: Expr, by: Expr): Register {
  const p = integer(c, x);
  if (by.kind === "const") {
    c.code.add(
      [to],
      [p],
      (a, at) => {
        a.move(at(to), at(p));
        a.shift(direction === "left" ? 4 : 5, at(to), by.value & 31, direction === "left" ? 1 : 0);
      },
      [p],
    );
  } else {
    const q = integer(c, by);
    c.code.add([to], [p, q], (a, at) => a.shiftBy(direction, at(to), at(p), at(q)));
  }
  return to;
}

/** Unsigned division of 32 bits; by a constant it is a product (see `reciprocal`). */
function divide(c: Context, to: Register, quotient: boolean, x: Expr, y: Expr): Register {
  const p = integer(c, x);
  if (y.kind === "const") {
    const d = y.value;
    const { multiplier, shift } = reciprocal(d);
    c.code.add([to], [p], (a, at) => {
      a.moveConstant(RAX, multiplier);
      a.multiply(RAX, at(p));
      a.shift(5, RAX, shift);
      if (quotient) {
        a.move(at(to), RAX);
      } else {
        a.multiplyConstant(RAX, RAX, d);
        subtract(a, at(to), at(p), RAX);
      }
    });
    return to;
  }
  const q = integer(c, y);
  c.code.add([to], [p, q], (a, at) => {
    a.move(RAX, at(p));
    a.moveConstant(RDX, 0);
    a.divide32(at(q));
    a.move(at(to), quotient ? RAX : RDX);
  });
  return to;
}

/** Sets the processor's flags so that `condition` tells whether the expression holds. */
function compare(c: Context, e: Expr) {
  if (e.kind === "op") {
    const condition = COMPARISONS[e.op];
    const [x, y] = e.args;
    if (condition !== undefined) {
      const p = integer(c, x);
      if (isImmediate(y) && y.value !== 0)
        return {
          condition,
          reads: [p],
          emit: (a: Assembler, at: (r: Register) => number) => a.withConstant(7, at(p), y.value),
        };
      const q = integer(c, y);
      return {
        condition,
        reads: [p, q],
        emit: (a: Assembler, at: (r: Register) => number) => a.compare(at(p), at(q)),
      };
    }
  }
  const negated = e.kind === "op" && e.op === "i32.eqz";
  const p = integer(c, negated ? e.args[0] : e);
  return {
    condition: negated ? CONDITION.equal : CONDITION.notEqual,
    reads: [p],
    emit: (a: Assembler, at: (r: Register) => number) => a.test(at(p), at(p)),
  };
}

/** Jumps to `target` if the truth of the expression is `wanted`, and goes on otherwise. */
export function branch(c: Context, e: Expr, wanted: boolean, target: Label): void {
  const { condition, reads, emit } = compare(c, e);
  c.code.add([], reads, (a, at) => {
    emit(a, at);
    a.jumpIf(wanted ? condition : negate(condition), target);
  });
}

const SCALES: Readonly<Record<number, 2 | 4 | 8>> = { 1: 2, 2: 4, 3: 8 };

/** A sum as the processor's form of addresses: base + index * scale + disp. */
export function addressOf(c: Context, e: Expr, offset: number): Address {
  const sum = sumOf(e, offset);
  const fits = Math.abs(sum.constant) < 2 ** 31;
  const constant = fits ? sum.constant : 0;
  const [first, ...others] = fits ? sum.terms : [number(sum.constant), ...sum.terms];
  if (first === undefined) return { base: integer(c, number(constant)), disp: 0 };
  const last = others.pop();
  const base = others.reduce(
    (sum, term) => {
      const [p, q] = [sum, integer(c, term)];
      const to = c.code.int();
      c.code.add([to], [p, q], (a, at) =>
        a.address(at(to), { kind: "address", base: at(p), index: at(q), disp: 0 }),
      );
      return to;
    },
    integer(c, first),
  );
  if (last === undefined) return { base, disp: constant };
  if (last.kind === "op" && last.op === "i32.shl" && last.args[1].kind === "const") {
    const scale = SCALES[last.args[1].value];
    if (scale !== undefined) return { base, index: integer(c, last.args[0]), scale, disp: constant };
  }
  return { base, index: integer(c, last), disp: constant };
}
