// The memory layout of a program, planned as offsets: first into the workspace that it shares with others, then into the
// block of its own.

import { planArena } from "../../program/plan_arena.ts";
import { splitPrelude } from "../../program/prelude.ts";
import type { BufferInfo, KernelCall, LoweredProgram } from "../../program/program.ts";
import { CALL, STEP, TIMES } from "./driver.ts";
import type { Kernel } from "./kernels/kernel.ts";
import { ADDRESS_BYTES } from "./simd/expr.ts";
import { groupSteps, type PlacedCall, type Range, type Step, separateSteps } from "./steps.ts";

/** A table of steps, which the driver runs starting at `start`. */
export interface StepTable {
  readonly start: number;
  readonly steps: readonly Step[];
}

export interface Layout {
  /** Bytes of both. */
  readonly bytes: number;
  /** Bytes of the workspace: the arena and the threads' scratch. Greater offsets are in the block, from its start on. */
  readonly workspaceBytes: number;
  readonly arenaBytes: number;
  /** Offset of each buffer; 0 for variables, which are outside both. */
  readonly buffers: readonly number[];
  /**
   * `prelude`; `main`: the steps of each run, right after the prelude; `single`: main with one call per step, for
   * profiles.
   */
  readonly tables: { readonly prelude: StepTable; readonly main: StepTable; readonly single: StepTable };
  /** The table of calls and the tables of buffer addresses. */
  readonly calls: number;
  readonly args: number;
  /** One block of `timesBytes` per thread: its times of the steps of a profile. */
  readonly times: number;
  readonly timesBytes: number;
  /** One block of `scratchBytes` per thread. */
  readonly scratch: number;
  readonly scratchBytes: number;
}

export interface PlannedProgram {
  readonly lowered: LoweredProgram<Kernel>;
  readonly layout: Layout;
}

const ALIGNMENT = 64;
const align = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
/**
 * Most bytes for the results of a prelude, together with the variables of the program: with larger models, whose products
 * are long, a prelude gains little time and takes much memory.
 */
const MOST_CONSTANT_BYTES = 2 * 2 ** 30;

/** Plans with a prelude if that fits into `availableBytes`. */
export function planProgram(
  lowered: LoweredProgram<Kernel>,
  threads: number,
  availableBytes: number,
): PlannedProgram {
  const variables = lowered.buffers.filter(({ place }) => place.kind === "variable");
  const left = variables.reduce((bytes, variable) => bytes - variable.bytes, MOST_CONSTANT_BYTES);
  const split = splitPrelude(lowered, Math.max(0, Math.min(left, availableBytes)));
  const layout = planLayout(split, threads);
  if (split.preludeCalls === 0 || layout.bytes <= availableBytes) return { lowered: split, layout };
  return { lowered, layout: planLayout(lowered, threads) };
}

function planLayout(lowered: LoweredProgram<Kernel>, threads: number): Layout {
  const { buffers, calls, preludeCalls } = lowered;
  const arena = planArena(lowered);
  let next = align(arena.bytes);
  const take = (bytes: number) => {
    const offset = next;
    next += align(bytes);
    return offset;
  };
  const scratchBytes = align(
    calls.reduce((most, { kernel }) => Math.max(most, kernel.scratchBytes), ALIGNMENT),
  );
  const scratch = take(scratchBytes * threads);
  const workspaceBytes = next;
  const offsets = buffers.map(({ place, bytes }, i) => {
    if (place.kind === "arena") return arena.offsets[i];
    return place.kind === "variable" ? 0 : take(bytes);
  });
  const placed = placeCalls(calls, buffers, offsets, next);
  const table = (steps: readonly Step[], firstCall: number): StepTable => ({
    start: take(steps.length * STEP.bytes),
    steps: steps.map((step) => ({ ...step, calls: step.calls.map((call) => firstCall + call) })),
  });
  const prelude = table(groupSteps(placed.slice(0, preludeCalls)), 0);
  const main = table(groupSteps(placed.slice(preludeCalls)), preludeCalls);
  const single = table(separateSteps(placed.slice(preludeCalls)), preludeCalls);
  const argsCount = calls.reduce((total, call) => total + call.args.length, 0);
  const callTable = take(calls.length * CALL.bytes);
  const args = take(argsCount * ADDRESS_BYTES);
  const timesBytes = single.steps.length * TIMES.bytes;
  const times = take(timesBytes * threads);
  return {
    bytes: next,
    workspaceBytes,
    arenaBytes: arena.bytes,
    buffers: offsets,
    tables: { prelude, main, single },
    calls: callTable,
    args,
    times,
    timesBytes,
    scratch,
    scratchBytes,
  };
}

/** The memory ranges of each call; variables count as if they followed one another from `end` on. */
function placeCalls(
  calls: readonly KernelCall<Kernel>[],
  buffers: readonly BufferInfo[],
  offsets: readonly number[],
  end: number,
): PlacedCall[] {
  let next = end;
  const starts = buffers.map(({ place, bytes }, i) => {
    if (place.kind !== "variable") return offsets[i];
    const start = next;
    next += bytes;
    return start;
  });
  return calls.map(({ kernel, args, writes }) => {
    const ranges = args.map(({ buffer }, i): Range => {
      const written = writes.includes(i);
      const start = starts[buffer];
      const { bytes, inParts } = buffers[buffer];
      return { start, end: start + bytes, written, group: written && inParts ? buffer : undefined };
    });
    return { kernel, ranges };
  });
}
