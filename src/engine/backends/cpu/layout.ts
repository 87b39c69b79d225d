// Where everything of a program lies in memory: planned first, as offsets from the start of one block.

import { planMemory } from "../../passes/plan_memory.ts";
import { STEP } from "./driver.ts";
import type { BufferInfo, LoweredProgram } from "./program.ts";

export interface Layout {
  /** Bytes of the whole block. */
  readonly bytes: number;
  /** Bytes of the arena, which lies first. */
  readonly arenaBytes: number;
  /** Of each buffer; variables lie elsewhere and have 0. */
  readonly buffers: readonly number[];
  /** The step table, the tables of buffer addresses, and the times of a profiled run. */
  readonly steps: number;
  readonly args: number;
  readonly times: number;
  /** One block of `scratchBytes` for each thread. */
  readonly scratch: number;
  readonly scratchBytes: number;
}

const ALIGNMENT = 64;
const align = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

export function planLayout(lowered: LoweredProgram, threads: number): Layout {
  const { buffers, calls } = lowered;
  const arena = planArena(lowered);
  let next = align(arena.bytes);
  const take = (bytes: number) => {
    const offset = next;
    next += align(bytes);
    return offset;
  };
  const offsets = buffers.map(({ place, bytes }, i) => {
    if (place.kind === "arena") return arena.offsets[i];
    return place.kind === "variable" ? 0 : take(bytes);
  });
  const argsCount = calls.reduce((total, call) => total + call.args.length, 0);
  const steps = take(calls.length * STEP.bytes);
  const args = take(argsCount * 4);
  const times = take((calls.length + 1) * 8);
  const scratchBytes = align(
    calls.reduce((most, { kernel }) => Math.max(most, kernel.scratchBytes), ALIGNMENT),
  );
  const scratch = take(scratchBytes * threads);
  return {
    bytes: next,
    arenaBytes: arena.bytes,
    buffers: offsets,
    steps,
    args,
    times,
    scratch,
    scratchBytes,
  };
}

/** Lifetimes of the arena's buffers are the first and last call that names them. */
function planArena({ buffers, calls }: LoweredProgram): { offsets: number[]; bytes: number } {
  const first = new Array<number>(buffers.length).fill(Number.POSITIVE_INFINITY);
  const last = new Array<number>(buffers.length).fill(-1);
  for (const [i, call] of calls.entries()) {
    for (const { buffer } of call.args) {
      first[buffer] = Math.min(first[buffer], i);
      last[buffer] = i;
    }
  }
  const isUsed = (info: BufferInfo, i: number) => info.place.kind === "arena" && last[i] >= 0;
  const arena = buffers.flatMap((info, i) => (isUsed(info, i) ? [i] : []));
  const plan = planMemory(arena.map((i) => ({ bytes: buffers[i].bytes, first: first[i], last: last[i] })));
  const offsets = new Array<number>(buffers.length).fill(0);
  for (const [j, i] of arena.entries()) offsets[i] = plan.offsets[j];
  return { offsets, bytes: plan.bytes };
}
