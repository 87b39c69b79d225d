// The program's main loop, itself WebAssembly: every thread walks the list of steps, takes tiles of each until none
// are left, and waits for the others where the step has a barrier. No JavaScript runs in between.

import { KERNEL_SIGNATURE, KernelBuilder } from "./simd/builder.ts";
import type { Expr, Var } from "./simd/expr.ts";
import * as s from "./simd/ops.ts";
import type { ImportedFunction } from "./simd/statement.ts";

/**
 * One step in memory, on its own cache line: its calls (`count` entries from `first` on), its number of tiles, and
 * whether a barrier follows. The counter holds the next tile and must be 0 before a run. Tile i of a step is tile i of
 * each of its calls, one call after another.
 */
export const STEP = { bytes: 64, first: 0, count: 8, tiles: 12, barrier: 16, counter: 20 } as const;

/** One call in memory. */
export const CALL = { bytes: 16, functionIndex: 0, args: 8 } as const;

/** The barrier in memory, each word on a cache line of its own. All zero before the first run. */
export const BARRIER = { bytes: 192, arrived: 0, generation: 64, sleepers: 128 } as const;

/** What a thread records of a step in a profile: when it began and when no tile was left (f64, the host's clock). */
export const TIMES = { bytes: 16, start: 0, end: 8 } as const;

/** Milliseconds since a start common to all threads, from the host. */
const now: ImportedFunction = { kind: "import", module: "env", name: "now", params: [], result: "f64" };

/**
 * How often a waiting thread polls before it sleeps: about 15 microseconds, so that its processor is soon free for
 * others. After a wake-up, threads poll for about 100: waking takes longer than the short time, so threads would
 * otherwise fall asleep and wake each other at every barrier.
 */
const SPINS = 20_000;
const SPINS_AFTER_WAKING = 150_000;

/**
 * run(steps, count, threads, scratch, barrier, times): runs `count` steps. `times` is 0, or the address of this
 * thread's TIMES of each step.
 */
export function driver(): KernelBuilder {
  const k = new KernelBuilder("run", {
    params: ["i32", "i32", "i32", "i32", "i32", "i32"],
    result: undefined,
  });
  const [steps, count, threads, scratch, barrier, times] = Array.from({ length: 6 }, (_, i) => k.param(i));
  const stamp = (step: Expr, offset: number) =>
    k.if(s.ine(times, s.i32(0)), () =>
      k.storeF64(s.iadd(times, s.imul(step, s.i32(TIMES.bytes))), k.callValue(now), offset),
    );
  // Threads wake one after another: work starts when all are awake.
  const patience = k.let(s.i32(SPINS_AFTER_WAKING));
  wait(k, barrier, threads, patience);
  k.for(0, count, 1, (i) => {
    const step = k.let(s.iadd(steps, s.imul(i, s.i32(STEP.bytes))));
    const tiles = k.let(s.loadI32(step, STEP.tiles));
    const first = k.let(s.loadAddress(step, STEP.first));
    const calls = k.let(s.loadI32(step, STEP.count));
    stamp(i, TIMES.start);
    const tile = k.let(k.atomicAdd(step, s.i32(1), STEP.counter));
    k.while(s.ilt(tile, tiles), () => {
      k.loop(calls, (index) => {
        const call = k.let(s.iadd(first, s.imul(index, s.i32(CALL.bytes))));
        const target = s.loadI32(call, CALL.functionIndex);
        k.callIndirect(KERNEL_SIGNATURE, target, s.loadAddress(call, CALL.args), tile, scratch);
      });
      k.set(tile, k.atomicAdd(step, s.i32(1), STEP.counter));
    });
    stamp(i, TIMES.end);
    k.if(s.loadI32(step, STEP.barrier), () => wait(k, barrier, threads, patience));
  });
  return k;
}

/** Returns when all threads have arrived. `patience` is how often this thread polls before it sleeps. */
function wait(k: KernelBuilder, barrier: Expr, threads: Expr, patience: Var): void {
  const generation = k.let(s.atomicLoad(barrier, BARRIER.generation));
  const before = k.atomicAdd(barrier, s.i32(1), BARRIER.arrived);
  k.if(
    s.ieq(s.iadd(before, s.i32(1)), threads),
    () => {
      k.atomicStore(barrier, s.i32(0), BARRIER.arrived);
      k.atomicAdd(barrier, s.i32(1), BARRIER.generation);
      // No sleeper is missed: a thread counts itself first, and sleeps only if the generation is still the old one.
      k.if(s.atomicLoad(barrier, BARRIER.sleepers), () => {
        k.atomicNotify(barrier, s.i32(-1), BARRIER.generation);
        k.set(patience, s.i32(SPINS_AFTER_WAKING));
      });
    },
    () => {
      const spins = k.let(s.i32(0));
      const unchanged = () => s.ieq(s.atomicLoad(barrier, BARRIER.generation), generation);
      k.while(s.iand(unchanged(), s.ilt(spins, patience)), () => k.set(spins, s.iadd(spins, s.i32(1))));
      k.while(unchanged(), () => {
        k.atomicAdd(barrier, s.i32(1), BARRIER.sleepers);
        k.atomicWait(barrier, generation, s.i64(-1), BARRIER.generation);
        k.atomicAdd(barrier, s.i32(-1), BARRIER.sleepers);
      });
      k.set(patience, s.i32(SPINS));
    },
  );
}
