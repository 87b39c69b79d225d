// Encodes recorded functions into one block of machine code.

import type { NativeSystem } from "../../../../platform/native.ts";
import { reachable } from "../simd/reachable.ts";
import type { FunctionRef, RecordedFunction } from "../simd/statement.ts";
import { arm64Writer } from "./arm64/writer.ts";
import type { InstructionSet } from "./instruction_sets.ts";
import { type Label, newLabel } from "./label.ts";
import { x64Writer } from "./x64/writer.ts";

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
  const { instructions, system, exports, table = [] } = options;
  const writer = instructions === "neon" ? arm64Writer(system) : x64Writer(instructions, system);
  const { code } = writer;
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
    code.align(FUNCTION_ALIGNMENT);
    code.bind(target(f));
    writer.write(f, { target, table: tableLabel });
  }
  for (const f of imports) {
    if (f.name !== "now") throw new Error(`the function ${f.name} of the host is not known in machine code`);
    code.bind(target(f));
    writer.writeNow();
  }
  const entries = new Map<string, number>();
  for (const [name, f] of Object.entries(exports)) {
    entries.set(name, code.length);
    writer.writeEntry(target(f));
  }
  code.align(8);
  code.bind(tableLabel);
  code.offsets(tableLabel, table.map(target));
  return { code: code.finish(), entries };
}
