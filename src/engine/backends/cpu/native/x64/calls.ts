// How functions call each other: arguments lie in the caller's frame, right below the return address; every register is
// the callee's to use. The host enters by another door (entry.ts).

import type { Expr } from "../../simd/expr.ts";
import type { Signature, Statement } from "../../simd/statement.ts";
import type { Register } from "../code.ts";
import { isVector } from "../context.ts";
import type { Assembler } from "./assembler.ts";
import { type Context, introduce } from "./context.ts";
import { integer, integerInto } from "./integers.ts";
import { NARROW, vector } from "./operands.ts";
import { RAX, RDX, RSP } from "./registers.ts";
import { moveVector } from "./select.ts";
import { VECTOR } from "./vector_opcodes.ts";

const RETURN_ADDRESS = 8;

/** Where argument i lies, from the stack pointer of the caller. */
const slot = (i: number, from = 0) => ({ kind: "address", base: RSP, disp: from + 8 * i }) as const;

export function readParameter(c: Context, i: number, to: Register, frame: () => number): void {
  c.code.add([to], [], (a, at) => {
    const from = slot(i, Math.max(frame(), RETURN_ADDRESS));
    if (to.bank === "int") a.load64(at(to), from);
    else a.vector(VECTOR.vmovsd, 1, at(to), 0, from);
  });
}

function pass(c: Context, args: readonly Expr[]): void {
  args.forEach((arg, i) => {
    if (!isVector(arg.type)) {
      const from = integer(c, arg);
      c.code.add([], [from], (a, at) => a.store64(slot(i), at(from)));
    } else {
      const from = vector(c, arg, NARROW);
      c.code.add([], [from], (a, at) => a.vector(VECTOR.vmovsdStore, 1, at(from), 0, slot(i)));
    }
  });
}

function finishCall(
  c: Context,
  signature: Signature,
  into: Extract<Statement, { kind: "call" }>["into"],
  emit: (a: Assembler) => void,
): void {
  if (into === undefined) {
    c.code.addCall([], [], emit);
    return;
  }
  const to = introduce(c, into);
  c.code.addCall([to], [], (a, at) => {
    emit(a);
    if (!isVector(signature.result)) a.move(at(to), RAX);
    else moveVector(a, 1, at(to), 0);
  });
}

export function call(c: Context, { target, args, into }: Extract<Statement, { kind: "call" }>): void {
  const label = c.target(target);
  pass(c, args);
  finishCall(c, target, into, (a) => a.call(label));
}

export function callIndirect(
  c: Context,
  { signature, index, args, into }: Extract<Statement, { kind: "callIndirect" }>,
): void {
  const number = integer(c, index);
  pass(c, args);
  c.code.add([], [number], (a, at) => {
    a.addressOfLabel(RAX, c.table);
    a.move(RDX, at(number));
    a.load64(RDX, { kind: "address", base: RAX, index: RDX, scale: 8, disp: 0 });
    a.add(RAX, RDX);
  });
  finishCall(c, signature, into, (a) => a.callRegister(RAX));
}

export function leave(c: Context, value: Expr | undefined): void {
  if (value === undefined) {
    c.code.add([], [], (a) => c.exit(a));
  } else if (!isVector(value.type)) {
    const from = integerInto(c, value, c.code.int());
    c.code.add([], [from], (a, at) => {
      a.move(RAX, at(from));
      c.exit(a);
    });
  } else {
    const from = vector(c, value, NARROW);
    c.code.add([], [from], (a, at) => {
      moveVector(a, 1, 0, at(from));
      c.exit(a);
    });
  }
}

/** Makes room for the frame. */
export function open(a: Assembler, frame: number): void {
  if (frame > 0) a.withConstant(5, RSP, frame - RETURN_ADDRESS);
}
export function close(a: Assembler, frame: number): void {
  if (frame > 0) a.withConstant(0, RSP, frame - RETURN_ADDRESS);
  a.return();
}
