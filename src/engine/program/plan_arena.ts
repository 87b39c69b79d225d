// Places the intermediate results of a lowered program in one arena.

import { type MemoryPlan, planMemory } from "../passes/plan_memory.ts";
import type { BufferInfo, LoweredProgram } from "./program.ts";

/** Offsets of all buffers; 0 outside the arena. A buffer is live from the first call that names it to the last. */
export function planArena({ buffers, calls }: LoweredProgram<unknown>): MemoryPlan {
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
