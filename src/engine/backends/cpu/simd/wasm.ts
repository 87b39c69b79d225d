// Encodes recorded functions into one WebAssembly module.

import { KernelBuilder } from "./builder.ts";
import { ByteWriter } from "./bytes.ts";
import * as s from "./ops.ts";
import { reachable } from "./reachable.ts";
import type { FunctionRef, RecordedFunction, Signature } from "./statement.ts";
import { encodeFunction } from "./wasm_function.ts";
import { VALUE_TYPES } from "./wasm_opcodes.ts";

export interface ModuleOptions {
  /** The memory imported as "env" "memory": its limits in pages of 64 KiB, equal to those of the WebAssembly.Memory. */
  readonly memory: { readonly initial: number; readonly maximum: number; readonly shared: boolean };
  /** Functions the host can call, by name. Functions that they call are included. */
  readonly exports: Readonly<Record<string, RecordedFunction>>;
  /** Functions for `callIndirect`, in order. */
  readonly table?: readonly RecordedFunction[];
  /** Use relaxed SIMD: vfma becomes one fused instruction. See `hasRelaxedSimd`. */
  readonly relaxed: boolean;
}

/** The bytes of the module. Throws when a function uses a variable outside its block. */
export function encodeModule(options: ModuleOptions): Uint8Array<ArrayBuffer> {
  const table = options.table ?? [];
  const { functions, imports } = reachable([...Object.values(options.exports), ...table]);
  const types = new TypeTable();
  const indices = new Map<FunctionRef, number>();
  for (const f of imports) indices.set(f, indices.size);
  for (const f of functions) indices.set(f, indices.size);
  const functionIndex = (target: FunctionRef): number => {
    const index = indices.get(target);
    if (index === undefined) throw new Error(`function ${target.name} is not in the module`);
    return index;
  };

  const codeSection = vector(functions, (out, f) =>
    out.sized(
      encodeFunction(f, { relaxed: options.relaxed, functionIndex, typeIndex: (t) => types.index(t) }),
    ),
  );
  const functionSection = vector(functions, (out, f) => out.unsigned(types.index(f)));
  const importSection = new ByteWriter();
  importSection.unsigned(imports.length + 1);
  importMemory(importSection, options.memory);
  for (const f of imports) {
    importSection.text(f.module);
    importSection.text(f.name);
    importSection.u8(0x00);
    importSection.unsigned(types.index(f));
  }
  const exportSection = vector(Object.entries(options.exports), (out, [name, f]) => {
    out.text(name);
    out.u8(0x00);
    out.unsigned(functionIndex(f));
  });

  const module = new ByteWriter();
  module.append(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00));
  section(module, 1, types.encode());
  section(module, 2, importSection);
  section(module, 3, functionSection);
  if (table.length > 0) section(module, 4, tableSection(table.length));
  section(module, 7, exportSection);
  if (table.length > 0) section(module, 9, elementSection(table.map(functionIndex)));
  section(module, 10, codeSection);
  return module.finish();
}

/** Whether this runtime has relaxed SIMD (V8 of Node 22 and newer). */
export function hasRelaxedSimd(): boolean {
  const probe = new KernelBuilder("probe");
  const x = s.loadV(probe.args);
  probe.storeV(probe.args, s.vfma(x, x, x));
  const memory = { initial: 1, maximum: 1, shared: true };
  return WebAssembly.validate(encodeModule({ memory, exports: { probe }, relaxed: true }));
}

/** Function types, each once. */
class TypeTable {
  private readonly signatures = new Map<string, { index: number; signature: Signature }>();

  index(signature: Signature): number {
    const key = `${signature.params.join(",")}>${signature.result ?? ""}`;
    let entry = this.signatures.get(key);
    if (entry === undefined) {
      entry = { index: this.signatures.size, signature };
      this.signatures.set(key, entry);
    }
    return entry.index;
  }
  encode(): ByteWriter {
    return vector([...this.signatures.values()], (out, { signature }) => {
      out.u8(0x60);
      out.unsigned(signature.params.length);
      for (const type of signature.params) out.u8(VALUE_TYPES[type]);
      out.unsigned(signature.result === undefined ? 0 : 1);
      if (signature.result !== undefined) out.u8(VALUE_TYPES[signature.result]);
    });
  }
}

function vector<T>(items: readonly T[], encode: (out: ByteWriter, item: T) => void): ByteWriter {
  const out = new ByteWriter();
  out.unsigned(items.length);
  for (const item of items) encode(out, item);
  return out;
}

function section(module: ByteWriter, id: number, content: ByteWriter): void {
  module.u8(id);
  module.sized(content);
}

function importMemory(out: ByteWriter, memory: ModuleOptions["memory"]): void {
  out.text("env");
  out.text("memory");
  out.u8(0x02);
  out.u8(memory.shared ? 0x03 : 0x01);
  out.unsigned(memory.initial);
  out.unsigned(memory.maximum);
}

function tableSection(size: number): ByteWriter {
  return vector([size], (out, count) => {
    out.u8(0x70); // funcref
    out.u8(0x01); // with a maximum
    out.unsigned(count);
    out.unsigned(count);
  });
}

function elementSection(functionIndices: readonly number[]): ByteWriter {
  return vector([functionIndices], (out, indices) => {
    out.u8(0x00); // active, table 0
    out.u8(0x41); // at i32.const 0
    out.signed(0);
    out.u8(0x0b);
    out.unsigned(indices.length);
    for (const index of indices) out.unsigned(index);
  });
}
