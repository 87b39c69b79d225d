// The dispatches that a program becomes on a GPU, without a GPU.

import type { ProgramSpec } from "../../src/engine/backend.ts";
import { canBindTogether, fitTogether, type Region } from "../../src/engine/backends/webgpu/bindings.ts";
import { type PlacedCall, withChains } from "../../src/engine/backends/webgpu/chains.ts";
import { USUAL_SPEEDS } from "../../src/engine/backends/webgpu/kernels/product/tiles.ts";
import { lowerJoined } from "../../src/engine/backends/webgpu/lowering.ts";
import { type KernelChoice, webgpuKernels } from "../../src/engine/backends/webgpu/webgpu_kernels.ts";
import type { BufferInfo } from "../../src/engine/program/program.ts";

/** Calls of one kernel that run together. */
export interface CountedDispatch {
  readonly family: string;
  /** Floating-point operations, and bytes that must be read and written once. */
  readonly flops: number;
  readonly bytes: number;
}

/** A GPU that was not measured, with as many buffers as browsers allow on most. */
const CHOICE: KernelChoice = {
  maxArrays: 10,
  speeds: USUAL_SPEEDS,
  // Convolutions are counted the direct way.
  bytesPerSecond: 0,
  mostBytes: 2 ** 31,
  sharesTokens: true,
  subgroup: 32,
};

/** The dispatches of each run, as if all variables were in one buffer, and all intermediate results in another. */
export function countDispatches(program: ProgramSpec, choice: KernelChoice = CHOICE): CountedDispatch[] {
  const joined = lowerJoined(program, webgpuKernels(choice));
  const regions = placesOf(joined.buffers);
  const groups: PlacedCall[][] = [];
  let start = 0;
  for (const count of joined.groups) {
    const calls = joined.calls.slice(start, start + count);
    groups.push(
      calls.map(({ args, ...call }) => ({ ...call, regions: args.map((arg) => regions[arg.buffer]) })),
    );
    start += count;
  }
  // The table of places needs a binding, too.
  const mostBuffers = choice.maxArrays - 1;
  const dispatches = withChains(groups.slice(joined.preludeGroups), mostBuffers);
  return dispatches.flatMap((group) => together(group, mostBuffers)).map(totalOf);
}

/** Calls of a group whose arrays lie in the same buffers. */
function together(group: readonly PlacedCall[], mostBuffers: number): PlacedCall[][] {
  const found: PlacedCall[][] = [];
  for (const call of group) {
    const canJoin = canBindTogether(call.regions, call.kernel.arrays, mostBuffers);
    const others = found.find(([first]) => canJoin && fitTogether(first.regions, call.regions));
    if (others === undefined) found.push([call]);
    else others.push(call);
  }
  return found;
}

function totalOf(calls: readonly PlacedCall[]): CountedDispatch {
  const [{ kernel }] = calls;
  return { family: kernel.family, flops: calls.length * kernel.flops, bytes: calls.length * kernel.bytes };
}

function placesOf(buffers: readonly BufferInfo[]): Region[] {
  const [arena, variables] = [namedBuffer("arena"), namedBuffer("variables")];
  return buffers.map(({ place, bytes }) => {
    const own = () => namedBuffer(place.kind);
    const buffer = place.kind === "arena" ? arena : place.kind === "variable" ? variables : own();
    return { buffer, offset: 0, size: bytes };
  });
}

/** A buffer without memory: it is only told from others. */
const namedBuffer = (label: string): GPUBuffer => ({
  __brand: "GPUBuffer",
  label,
  size: 0,
  usage: 0,
  mapState: "unmapped",
  mapAsync: async () => undefined,
  getMappedRange: () => new ArrayBuffer(0),
  unmap: () => undefined,
  destroy: () => undefined,
});
