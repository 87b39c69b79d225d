// Groups kernel calls into the steps of the driver, with as few barriers as their use of memory allows.
//
// Threads take tiles of a step and go on to the next step; only a barrier makes them wait. Calls between two barriers
// touch different memory. The exception is a chain of dependent calls of one tile each: they form one step, which one
// thread runs from start to end.

import type { Kernel } from "./kernels/kernel.ts";

/** A piece of memory that a call reads or writes: bytes from `start` to before `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
  readonly written: boolean;
  /** Overlapping ranges of one group are touched at different elements. */
  readonly group: number | undefined;
}

export interface PlacedCall {
  readonly kernel: Pick<Kernel, "tiles" | "flops" | "bytes">;
  readonly ranges: readonly Range[];
}

export interface Step {
  /** Indices of its calls; several calls have one tile each and run in this order. */
  readonly calls: readonly number[];
  readonly tiles: number;
  /** Whether a barrier follows. */
  readonly barrier: boolean;
}

/** Limit for joining steps of one tile, which then run on one thread instead of several: nanoseconds in total. */
const MOST_JOINED = 4000;

interface OpenStep {
  readonly calls: number[];
  readonly ranges: Range[];
  readonly tiles: number;
  nanoseconds: number;
}

/** One step for each call, with a barrier after each. */
export function separateSteps(calls: readonly PlacedCall[]): Step[] {
  return calls.map(({ kernel }, i) => ({ calls: [i], tiles: kernel.tiles, barrier: true }));
}

/** The steps of calls that run in this order, given their memory ranges. The last has a barrier. */
export function groupSteps(calls: readonly PlacedCall[]): Step[] {
  const steps: Step[] = [];
  let phase: OpenStep[] = [];
  const close = (): void => {
    for (const [i, { calls: members, tiles }] of phase.entries())
      steps.push({ calls: members, tiles, barrier: i === phase.length - 1 });
    phase = [];
  };
  for (const [i, call] of calls.entries()) {
    const { tiles } = call.kernel;
    const before = phase.filter((step) => conflict(step.ranges, call.ranges));
    const step = { calls: [i], ranges: [...call.ranges], tiles, nanoseconds: roughTime(call.kernel) };
    if (before.length > 0 && tiles === 1 && canJoin(before)) {
      const [first, ...others] = before;
      for (const other of [...others, step]) append(first, other);
      phase = phase.filter((open) => !others.includes(open));
    } else {
      if (before.length > 0) close();
      phase.push(step);
    }
  }
  close();
  return steps;
}

function canJoin(steps: readonly OpenStep[]): boolean {
  if (steps.some(({ tiles }) => tiles > 1)) return false;
  return steps.length === 1 || steps.reduce((sum, { nanoseconds }) => sum + nanoseconds, 0) <= MOST_JOINED;
}

function append(to: OpenStep, step: OpenStep): void {
  to.calls.push(...step.calls);
  to.ranges.push(...step.ranges);
  to.nanoseconds += step.nanoseconds;
}

/** Very rough nanoseconds of a call of one tile: start-up, memory, arithmetic. */
const roughTime = ({ bytes, flops }: PlacedCall["kernel"]): number => 200 + bytes / 8 + flops / 10;

/** Whether one writes what the other reads or writes. */
function conflict(some: readonly Range[], others: readonly Range[]): boolean {
  return some.some((a) =>
    others.some(
      (b) =>
        (a.written || b.written) &&
        a.start < b.end &&
        b.start < a.end &&
        (a.group === undefined || a.group !== b.group),
    ),
  );
}
