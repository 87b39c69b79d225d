// Encodes recorded functions into one block of machine code.

import type { NativeSystem } from "../../../../../platform/platform.ts";
import { reachable } from "../../simd/reachable.ts";
import type { FunctionRef, RecordedFunction } from "../../simd/statement.ts";
import { Assembler, type Label, newLabel } from "./assembler.ts";
import { entry } from "./entry.ts";
import { encodeFunction } from "./function.ts";
import { systemOf } from "./systems.ts";

/** Sets of instructions that the encoder can use. */
export type InstructionSet = "avx2" | "avx512";

export interface NativeModuleOptions {
  readonly instructions: InstructionSet;
  readonly system: NativeSystem;
  /** Functions the host can call, by name. Functions that they call are included. */
  readonly exports: Readonly<Record<string, RecordedFunction>>;
  /** Functions for `callIndirect`, in order. */
  readonly table?: readonly RecordedFunction[];
}

/** Code that runs at any address, and where in it the functions for the host begin. */
export interface NativeModule {
  readonly code: Uint8Array;
  readonly entries: ReadonlyMap<string, number>;
}

/** Bytes at whose multiples functions begin. */
const FUNCTION_ALIGNMENT = 64;

/** Throws when a function uses a variable outside its block. */
export function encodeNativeModule(options: NativeModuleOptions): NativeModule {
  const { instructions, exports, table = [] } = options;
  const system = systemOf(options.system);
  const a = new Assembler(instructions === "avx512");
  const { functions, imports } = reachable([...Object.values(exports), ...table]);
  const labels = new Map<FunctionRef, Label>();
  for (const f of [...functions, ...imports]) labels.set(f, newLabel());
  const target = (f: FunctionRef): Label => {
    const label = labels.get(f);
    if (label === undefined) throw new Error(`function ${f.name} is not in the module`);
    return label;
  };
  const tableLabel = newLabel();
  for (const f of functions) {
    a.align(FUNCTION_ALIGNMENT);
    a.bind(target(f));
    encodeFunction(a, f, { target, table: tableLabel, system });
  }
  for (const f of imports) {
    if (f.name !== "now") throw new Error(`the function ${f.name} of the host is not known in machine code`);
    a.bind(target(f));
    system.now(a);
    a.return();
  }
  const entries = new Map<string, number>();
  for (const [name, f] of Object.entries(exports)) {
    entries.set(name, a.length);
    entry(a, target(f), system.convention);
  }
  a.align(8);
  a.bind(tableLabel);
  a.offsets(tableLabel, table.map(target));
  return { code: a.finish(), entries };
}
