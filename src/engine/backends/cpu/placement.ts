// A program and its variables in memory.

import { preludeVariables } from "../../program/prelude.ts";
import type { LoweredProgram } from "../../program/program.ts";
import type { Block } from "./allocator.ts";
import { CALL, STEP } from "./driver.ts";
import type { Kernel } from "./kernels/kernel.ts";
import type { LinearMemory } from "./linear_memory.ts";
import type { Layout, PlannedProgram } from "./memory_layout.ts";
import { ADDRESS_BYTES } from "./simd/expr.ts";
import type { Workspace } from "./workspace.ts";

export interface Variable {
  readonly address: number;
  readonly bytes: number;
  /** Incremented by each write. */
  version: number;
}

/** A program in memory. */
export class Placement {
  readonly lowered: LoweredProgram<Kernel>;
  readonly layout: Layout;
  /** Its block. */
  readonly block: Block;
  /** Variables that the prelude reads. */
  readonly preludeReads: readonly Variable[];
  readonly #variables: readonly (Variable | undefined)[];
  readonly #workspace: Workspace;
  /** Where the workspace was when the tables were written. */
  #writtenFor: number | undefined;

  /** @param variables those of its buffers that are variables */
  constructor(
    { lowered, layout }: PlannedProgram,
    variables: readonly (Variable | undefined)[],
    block: Block,
    workspace: Workspace,
  ) {
    this.lowered = lowered;
    this.layout = layout;
    this.block = block;
    this.preludeReads = preludeVariables(lowered).flatMap((node) => {
      const at = lowered.buffers.findIndex(({ place }) => place.kind === "variable" && place.node === node);
      return variables[at] ?? [];
    });
    this.#variables = variables;
    this.#workspace = workspace;
  }

  /** The address of what lies in the block or the workspace. */
  at(offset: number): number {
    const { workspaceBytes } = this.layout;
    return offset < workspaceBytes
      ? this.#workspace.start + offset
      : this.block.start + offset - workspaceBytes;
  }

  addressOf(buffer: number): number {
    return this.#variables[buffer]?.address ?? this.at(this.layout.buffers[buffer]);
  }

  /** Writes the tables where they are not yet, or name places of a workspace that has moved. */
  prepare(memory: LinearMemory, functionIndex: (key: string) => number): void {
    if (this.#writtenFor === this.#workspace.start) return;
    writeTables(memory, this, functionIndex);
    this.#writtenFor = this.#workspace.start;
  }
}

/** Writes calls, their arguments and all steps to where the driver reads them. */
function writeTables(
  memory: LinearMemory,
  placement: Placement,
  functionIndex: (key: string) => number,
): void {
  const { lowered, layout } = placement;
  const { prelude, main, single } = layout.tables;
  const first = placement.at(prelude.start); // they follow one another in the block
  const table = new Int32Array((layout.times - prelude.start) / 4);
  const put = (address: number, value: number) => {
    table[(address - first) / 4] = value;
  };
  const putAddress = (at: number, address: number) => {
    put(at, address);
    put(at + 4, Math.floor(address / 2 ** 32));
  };
  const entries = new Map<number, number>();
  let entry = placement.at(layout.calls);
  let args = placement.at(layout.args);
  for (const index of [prelude, main].flatMap(({ steps }) => steps.flatMap(({ calls }) => calls))) {
    const { kernel, args: refs } = lowered.calls[index];
    entries.set(index, entry);
    put(entry + CALL.functionIndex, functionIndex(kernel.key));
    putAddress(entry + CALL.args, args);
    entry += CALL.bytes;
    for (const { buffer, offset } of refs) {
      putAddress(args, placement.addressOf(buffer) + offset);
      args += ADDRESS_BYTES;
    }
  }
  for (const { start, steps } of [prelude, main, single])
    for (const [i, { calls, tiles, barrier }] of steps.entries()) {
      const step = placement.at(start) + i * STEP.bytes;
      putAddress(step + STEP.first, entries.get(calls[0]) ?? 0);
      put(step + STEP.count, calls.length);
      put(step + STEP.tiles, tiles);
      put(step + STEP.barrier, barrier ? 1 : 0);
    }
  memory.write(first, table);
}
