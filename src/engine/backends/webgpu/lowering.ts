// A program as the calls of a GPU's kernels, small ones joined.

import type { ProgramSpec } from "../../backend.ts";
import { type JoinedProgram, joinCalls } from "../../program/join_calls.ts";
import type { KernelSet } from "../../program/kernel_set.ts";
import { lower } from "../../program/lower.ts";
import { splitPrelude } from "../../program/prelude.ts";
import type { GpuKernel } from "./kernels/kernel.ts";

/** Most bytes for the results of a prelude. */
const MOST_PRELUDE_BYTES = 2 ** 29;

/**
 * Calls that take less time than it takes to make them: they run together where they can. Larger ones would only keep
 * more memory.
 */
const isSmall = ({ flops, bytes }: GpuKernel): boolean => flops < 2e8 && bytes < 2 ** 23;

export function lowerJoined(program: ProgramSpec, kernels: KernelSet<GpuKernel>): JoinedProgram<GpuKernel> {
  const lowered = splitPrelude(lower(program, kernels), MOST_PRELUDE_BYTES);
  return joinCalls(lowered, (kernel) => (isSmall(kernel) ? kernel.key : undefined));
}
