// A program and its variables in memory.

import type { LoweredProgram } from "../../program/program.ts";
import { CALL, STEP } from "./driver.ts";
import type { Kernel } from "./kernels/kernel.ts";
import type { LinearMemory } from "./linear_memory.ts";
import type { Layout } from "./memory_layout.ts";
import { ADDRESS_BYTES } from "./simd/expr.ts";

export interface Variable {
  readonly address: number;
  readonly bytes: number;
  /** Incremented by each write. */
  version: number;
}

/** A program at its address. */
export interface Placement {
  readonly lowered: LoweredProgram<Kernel>;
  readonly layout: Layout;
  readonly base: number;
  /** Address of each buffer. */
  readonly addresses: readonly number[];
  /** Variables that the prelude reads. */
  readonly preludeReads: readonly Variable[];
}

/** Writes calls, their arguments and all steps to where the driver reads them. */
export function writeTables(
  memory: LinearMemory,
  { lowered, base, layout, addresses }: Placement,
  functionIndex: (key: string) => number,
): void {
  const { prelude, main, single } = layout.tables;
  const first = base + prelude.start; // they follow one another in the block
  const table = new Int32Array((base + layout.times - first) / 4);
  const put = (address: number, value: number) => {
    table[(address - first) / 4] = value;
  };
  const putAddress = (at: number, address: number) => {
    put(at, address);
    put(at + 4, Math.floor(address / 2 ** 32));
  };
  const entries = new Map<number, number>();
  let entry = base + layout.calls;
  let args = base + layout.args;
  for (const index of [prelude, main].flatMap(({ steps }) => steps.flatMap(({ calls }) => calls))) {
    const { kernel, args: refs } = lowered.calls[index];
    entries.set(index, entry);
    put(entry + CALL.functionIndex, functionIndex(kernel.key));
    putAddress(entry + CALL.args, args);
    entry += CALL.bytes;
    for (const { buffer, offset } of refs) {
      putAddress(args, addresses[buffer] + offset);
      args += ADDRESS_BYTES;
    }
  }
  for (const { start, steps } of [prelude, main, single])
    for (const [i, { calls, tiles, barrier }] of steps.entries()) {
      const step = base + start + i * STEP.bytes;
      putAddress(step + STEP.first, entries.get(calls[0]) ?? 0);
      put(step + STEP.count, calls.length);
      put(step + STEP.tiles, tiles);
      put(step + STEP.barrier, barrier ? 1 : 0);
    }
  memory.write(first, table);
}
