// Places the intermediate results of a lowered program in one arena.

import { type ArenaForm, type MemoryPlan, planMemory } from "../passes/plan_memory.ts";
import type { BufferInfo, LoweredProgram } from "./program.ts";

/**
 * Offsets of all buffers; 0 outside the arena. A buffer is live from the first call that names it to the last.
 * @param form default: one piece, aligned to cache lines
 * @param stepOf when each call runs, if not one after another; equal for calls that run at the same time
 */
export function planArena(
  { buffers, calls }: LoweredProgram<unknown>,
  form?: ArenaForm,
  stepOf: readonly number[] = calls.map((_, i) => i),
): MemoryPlan {
  const first = new Array<number>(buffers.length).fill(Number.POSITIVE_INFINITY);
  const last = new Array<number>(buffers.length).fill(-1);
  for (const [i, call] of calls.entries()) {
    for (const { buffer } of call.args) {
      first[buffer] = Math.min(first[buffer], stepOf[i]);
      last[buffer] = stepOf[i];
    }
  }
  const isUsed = (info: BufferInfo, i: number) => info.place.kind === "arena" && last[i] >= 0;
  const arena = buffers.flatMap((info, i) => (isUsed(info, i) ? [i] : []));
  const lifetimes = arena.map((i) => ({ bytes: buffers[i].bytes, first: first[i], last: last[i] }));
  const plan = planMemory(lifetimes, form);
  const offsets = new Array<number>(buffers.length).fill(0);
  for (const [j, i] of arena.entries()) offsets[i] = plan.offsets[j];
  return { offsets, bytes: plan.bytes };
}
