// Makes machine code of arm64: what selection, frames and entries do here.

import type { NativeSystem } from "../../../../../platform/native.ts";
import type { Expr, Var } from "../../simd/expr.ts";
import { Doubling } from "../../simd/pairs.ts";
import type { Statement } from "../../simd/statement.ts";
import type { RegisterFile } from "../allocate.ts";
import type { Register } from "../code.ts";
import { isVector } from "../context.ts";
import { encodeFunction, type Target } from "../function.ts";
import type { ModuleWriter } from "../module_writer.ts";
import type { System } from "../system.ts";
import { addressOf, placed, reach, registersOf } from "./addresses.ts";
import { Assembler } from "./assembler.ts";
import { atomic } from "./atomics.ts";
import { call, callIndirect, close, leave, open, readParameter } from "./calls.ts";
import { withConstants } from "./constants.ts";
import { type Context, introduce } from "./context.ts";
import { entry } from "./entry.ts";
import { branch, integerInto, isImmediate } from "./integers.ts";
import { lane } from "./lanes.ts";
import { scalarInto } from "./loads.ts";
import { MEMORY } from "./memory_opcodes.ts";
import { SP } from "./registers.ts";
import { scalarVariables } from "./scalars.ts";
import { store } from "./stores.ts";
import { systemOf } from "./systems.ts";
import { vectorInto } from "./vectors.ts";

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Without x14 to x17 and v31, which instructions use; x18, the system's; x29 and x30, the frame and the link. */
const REGISTERS: RegisterFile = {
  int: { all: [...numbers(0, 13), ...numbers(19, 28)], spares: numbers(25, 28) },
  vector: { all: numbers(0, 30), spares: numbers(28, 30) },
};

export function arm64Writer(of: NativeSystem): ModuleWriter {
  const a = new Assembler();
  const system = systemOf(of);
  const target = targetOf(system);
  return {
    code: a,
    write(f, module) {
      encodeFunction(target, a, f, module);
      a.placeConstants();
    },
    writeNow() {
      system.now(a);
      a.return();
      a.placeConstants();
    },
    writeEntry: (label) => entry(a, label),
  };
}

const targetOf = (system: System<Assembler>): Target<Assembler, Context> => ({
  registers: REGISTERS,
  context(f, common) {
    const c: Context = {
      ...common,
      system,
      ...{ doubling: new Doubling(f.body), scalars: scalarVariables(f.body), constants: new Map() },
      integerInto: (e, to) => integerInto(c, e, to),
      vectorInto: (e, to) => vectorInto(c, e, to),
      lane: (e, to) => lane(c, e, to),
    };
    return c;
  },
  group,
  inLoop: withConstants,
  ...{ readParameter, open, close, transfer },
  ...{ introduce, assign, integerInto, isImmediate, branch },
  ...{ store, prefetch, atomic, call, callIndirect, leave },
});

/** A register holds one vector: of a block of two, each is computed for itself. */
function group(c: Context, { body, count }: Extract<Statement, { kind: "vectors" }>) {
  if (count !== 2) throw new Error(`${count} vectors as one`);
  return { block: c.doubling.block(body), count: 1 } as const;
}

function assign(c: Context, variable: Var, value: Expr, to: Register): void {
  if (!isVector(variable.type)) integerInto(c, value, to);
  else if (c.scalars.has(variable)) scalarInto(c, value, to);
  else vectorInto(c, value, to);
}

function prefetch(c: Context, { address, offset }: Extract<Statement, { kind: "prefetch" }>): void {
  const place = addressOf(c, address, offset);
  c.code.add([], registersOf(place), (a, at) =>
    a.memory("prefetch", 0, placed(a, place, at, MEMORY.prefetch.bytes)),
  );
}

function transfer(
  a: Assembler,
  { bank, bytes }: Register,
  place: number,
  disp: number,
  way: "load" | "store",
): void {
  a.memory(bank === "int" ? `${way}64` : `${way}Vector`, place, reach(a, SP, disp, bytes));
}
