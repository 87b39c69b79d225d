// A program and its variables in memory.

import type { HostArray } from "../../backend.ts";
import { toElements } from "../../elements.ts";
import type { DType } from "../../graph.ts";
import type { LoweredProgram } from "../../program/program.ts";
import { CALL, STEP } from "./driver.ts";
import type { Kernel } from "./kernels/kernel.ts";
import type { Layout } from "./memory_layout.ts";

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
  memory: WebAssembly.Memory,
  { lowered, base, layout, addresses }: Placement,
  functionIndex: (key: string) => number,
): void {
  const words = new Int32Array(memory.buffer);
  const { prelude, main, single } = layout.tables;
  const entries = new Map<number, number>();
  let entry = base + layout.calls;
  let args = base + layout.args;
  for (const index of [prelude, main].flatMap(({ steps }) => steps.flatMap(({ calls }) => calls))) {
    const { kernel, args: refs } = lowered.calls[index];
    entries.set(index, entry);
    words[(entry + CALL.functionIndex) / 4] = functionIndex(kernel.key);
    words[(entry + CALL.args) / 4] = args;
    entry += CALL.bytes;
    for (const { buffer, offset } of refs) {
      words[args / 4] = addresses[buffer] + offset;
      args += 4;
    }
  }
  for (const { start, steps } of [prelude, main, single])
    for (const [i, { calls, tiles, barrier }] of steps.entries()) {
      const step = (base + start + i * STEP.bytes) / 4;
      words[step + STEP.first / 4] = entries.get(calls[0]) ?? 0;
      words[step + STEP.count / 4] = calls.length;
      words[step + STEP.tiles / 4] = tiles;
      words[step + STEP.barrier / 4] = barrier ? 1 : 0;
    }
}

/** Writes host values as elements of `dtype`. */
export function copyIn(memory: WebAssembly.Memory, address: number, data: HostArray, dtype: DType): void {
  const elements = toElements(data, dtype);
  new Uint8Array(memory.buffer, address, elements.byteLength).set(
    new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength),
  );
}
