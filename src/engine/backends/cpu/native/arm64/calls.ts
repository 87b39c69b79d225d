// How functions call each other: arguments lie at the end of the caller's frame, where its stack pointer is; every
// register is the callee's to use. The host enters by another door (entry.ts).

import type { Expr } from "../../simd/expr.ts";
import type { Signature, Statement } from "../../simd/statement.ts";
import type { Register } from "../code.ts";
import { isVector } from "../context.ts";
import { reach } from "./addresses.ts";
import type { Assembler } from "./assembler.ts";
import { type Context, integer, introduce, vector } from "./context.ts";
import { LINK, SP, V0, X0, X16, X17 } from "./registers.ts";

/** Bytes between arguments. */
const ARGUMENT = 8;

export function readParameter(c: Context, i: number, to: Register, frame: () => number): void {
  c.code.add([to], [], (a, at) =>
    a.memory(
      to.bank === "int" ? "load64" : "loadDouble",
      at(to),
      reach(a, SP, frame() + ARGUMENT * i, ARGUMENT),
    ),
  );
}

function pass(c: Context, args: readonly Expr[]): void {
  args.forEach((arg, i) => {
    const place = { base: SP, disp: ARGUMENT * i };
    const from = isVector(arg.type) ? vector(c, arg) : integer(c, arg);
    c.code.add([], [from], (a, at) =>
      a.memory(from.bank === "int" ? "store64" : "storeDouble", at(from), place),
    );
  });
}

type Called = Extract<Statement, { kind: "call" | "callIndirect" }>;

function finishCall(
  c: Context,
  signature: Signature,
  into: Called["into"],
  emit: (a: Assembler) => void,
): void {
  if (into === undefined) {
    c.code.addCall([], [], emit);
    return;
  }
  const to = introduce(c, into);
  c.code.addCall([to], [], (a, at) => {
    emit(a);
    if (isVector(signature.result)) a.moveVector(at(to), V0);
    else a.move(at(to), X0);
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
    a.addressOfLabel(X16, c.table);
    a.memory("load64", X17, { base: X16, index: at(number), shift: 3 });
    a.add(X16, X16, X17);
  });
  finishCall(c, signature, into, (a) => a.callRegister(X16));
}

export function leave(c: Context, value: Expr | undefined): void {
  if (value === undefined) {
    c.code.add([], [], (a) => c.exit(a));
  } else if (isVector(value.type)) {
    const from = vector(c, value);
    c.code.add([], [from], (a, at) => {
      a.moveVector(V0, at(from));
      c.exit(a);
    });
  } else {
    const from = integer(c, value);
    c.code.add([], [from], (a, at) => {
      a.move(X0, at(from));
      c.exit(a);
    });
  }
}

/** Makes room for the frame, and keeps where to return to: calls lose it. */
export function open(a: Assembler, frame: number): void {
  if (frame === 0) return;
  moveStack(a, -frame);
  a.memory("store64", LINK, reach(a, SP, frame - 8, 8));
}
export function close(a: Assembler, frame: number): void {
  if (frame > 0) {
    a.memory("load64", LINK, reach(a, SP, frame - 8, 8));
    moveStack(a, frame);
  }
  a.return();
}

/** By up to 16 MiB, in two parts where it must be. */
function moveStack(a: Assembler, by: number): void {
  const low = by % 4096;
  if (low !== 0) a.addConstant(SP, SP, low);
  if (by !== low) a.addConstant(SP, SP, by - low);
}
