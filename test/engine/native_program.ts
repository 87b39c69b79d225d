// Runs the steps of a kernel test as machine code, on a copy of the memory that WebAssembly runs on.

import type { Lowered } from "../../src/engine/backends/cpu/kernels/kernel.ts";
import { type InstructionSet, REGISTERS } from "../../src/engine/backends/cpu/native/instruction_sets.ts";
import { encodeNativeModule } from "../../src/engine/backends/cpu/native/module.ts";
import { KERNEL_SIGNATURE, KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import { native } from "../support/native_machine.ts";

export interface NativeProgram {
  readonly name: string;
  /** Copies `words` and runs all tiles of all steps; returns the memory afterwards, until the next run. */
  run(words: Int32Array): Int32Array;
}

/** @param tables for each step, the word of its table and the words of its buffers; @param scratch its word */
export function nativeProgram(
  lowered: Lowered,
  set: InstructionSet,
  tables: readonly { readonly at: number; readonly buffers: readonly number[] }[],
  scratch: number,
): NativeProgram {
  if (native === undefined) throw new Error("no machine code here");
  const machine = native;
  const kernels = lowered.steps.map(({ kernel }) => {
    const k = new KernelBuilder(kernel.family, KERNEL_SIGNATURE, REGISTERS[set]);
    kernel.emit(k);
    return k;
  });
  const exports = Object.fromEntries(kernels.map((k, i) => [`step${i}`, k]));
  const { code, entries } = encodeNativeModule({ instructions: set, system: machine.system, exports });
  return {
    name: set,
    run(words) {
      const bytes = words.byteLength + 4096;
      const memory = machine.reserve(bytes);
      machine.commit(memory, bytes);
      const at = machine.mapCode(code);
      try {
        const view = new Int32Array(machine.view(memory, words.byteLength));
        view.set(words);
        const addresses = new BigInt64Array(machine.view(memory, words.byteLength & ~7));
        for (const { at: table, buffers } of tables)
          buffers.forEach((buffer, i) => {
            addresses[table / 2 + i] = BigInt(memory + 4 * buffer);
          });
        lowered.steps.forEach(({ kernel }, i) => {
          const entry = at + entries.get(`step${i}`)!;
          for (let tile = kernel.tiles - 1; tile >= 0; tile--)
            machine.call(entry, [memory + 4 * tables[i]!.at, tile, memory + 4 * scratch]);
        });
        return view.slice();
      } finally {
        machine.release(memory, bytes);
        machine.unmapCode(at, code.byteLength);
      }
    },
  };
}
