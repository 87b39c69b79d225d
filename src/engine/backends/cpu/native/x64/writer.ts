// Makes machine code of x86-64: what selection, frames and entries do here.

import type { NativeSystem } from "../../../../../platform/native.ts";
import type { Expr, Var } from "../../simd/expr.ts";
import type { Statement } from "../../simd/statement.ts";
import type { RegisterFile } from "../allocate.ts";
import type { Register } from "../code.ts";
import { isVector } from "../context.ts";
import { encodeFunction, type Target } from "../function.ts";
import type { ModuleWriter } from "../module_writer.ts";
import { Assembler, type Width } from "./assembler.ts";
import { atomic } from "./atomics.ts";
import { call, callIndirect, close, leave, open, readParameter } from "./calls.ts";
import { type Context, introduce, placed, registersOf } from "./context.ts";
import { entry } from "./entry.ts";
import type { X64Set } from "./features.ts";
import { addressOf, branch, integerInto, isImmediate } from "./integers.ts";
import * as r from "./registers.ts";
import { store } from "./stores.ts";
import type { X64System } from "./system.ts";
import { systemOf } from "./systems.ts";
import { VECTOR } from "./vector_opcodes.ts";
import { lane, vectorInto } from "./vectors.ts";
import { vectorWidths } from "./widths.ts";

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** rax and rdx are for use within an instruction; rsp is the stack. */
const INTEGERS = {
  all: [...[r.RCX, r.RBX, r.RSI, r.RDI, r.RBP, r.R8, r.R9], ...[r.R10, r.R11, r.R12, r.R13, r.R14, r.R15]],
  spares: [r.R13, r.R14, r.R15],
};
const AVX2_REGISTERS: RegisterFile = { int: INTEGERS, vector: { all: numbers(16), spares: [13, 14, 15] } };
const AVX512_REGISTERS: RegisterFile = {
  int: INTEGERS,
  vector: { all: numbers(32), spares: [28, 29, 30, 31] },
};

export function x64Writer(instructions: X64Set, of: NativeSystem): ModuleWriter {
  const evex = instructions === "avx512";
  const a = new Assembler(evex);
  const system = systemOf(of);
  const target = targetOf(evex, system);
  return {
    code: a,
    write: (f, module) => encodeFunction(target, a, f, module),
    writeNow() {
      system.now(a);
      a.return();
    },
    writeEntry: (label) => entry(a, label, system.convention),
  };
}

const targetOf = (evex: boolean, system: X64System): Target<Assembler, Context> => ({
  registers: evex ? AVX512_REGISTERS : AVX2_REGISTERS,
  context(f, common) {
    const c: Context = {
      ...common,
      ...{ evex, system, widths: vectorWidths(f.body) },
      vectorInto: (e, form, to) => vectorInto(c, e, form, to),
      lane: (e, to) => lane(c, e, to),
    };
    return c;
  },
  inLoop: (_c, _body, record) => record(),
  group: (_, { body, count }) => ({ block: body, count }),
  ...{ readParameter, open, close, transfer },
  ...{ introduce, assign, integerInto, isImmediate, branch },
  ...{ store, prefetch, atomic, call, callIndirect, leave },
});

function assign(c: Context, variable: Var, value: Expr, to: Register, group: Width): void {
  if (!isVector(variable.type)) {
    integerInto(c, value, to);
    return;
  }
  const width = c.widths.get(variable) ?? 1;
  c.vectorInto(value, { width, group: variable.type === "v128" ? group : 1 }, to);
}

function prefetch(c: Context, { address, offset }: Extract<Statement, { kind: "prefetch" }>): void {
  const place = addressOf(c, address, offset);
  c.code.add([], registersOf(place), (a, at) => a.prefetch(placed(place, at)));
}

function transfer(
  a: Assembler,
  { bank, bytes }: Register,
  place: number,
  disp: number,
  way: "load" | "store",
): void {
  const at = { kind: "address", base: r.RSP, disp } as const;
  if (bank === "int") {
    if (way === "load") a.load64(place, at);
    else a.store64(at, place);
    return;
  }
  const width = bytes === 64 ? 4 : bytes === 32 ? 2 : 1;
  a.vector(way === "load" ? VECTOR.vmovups : VECTOR.vmovupsStore, width, place, 0, at);
}
