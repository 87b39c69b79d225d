// What a kernel is: code for one step of a program, generated for exact shapes, cut into independent tiles.

import type { KernelBuilder } from "../simd/builder.ts";

export interface Kernel {
  /** What kind of work this is, for profiles: "conv2d", "conv2d_grad_filter", "matmul", "pack", "random", ... */
  readonly family: string;
  /** Equal keys mean equal code. */
  readonly key: string;
  /**
   * Independent work items, chosen from shapes only and never from the number of threads,
   * so that results are bit-equal for any number of threads.
   */
  readonly tiles: number;
  /** Bytes of scratch memory that each thread needs. */
  readonly scratchBytes: number;
  /** Floating-point operations of the whole step, and bytes it must move. */
  readonly flops: number;
  readonly bytes: number;
  /** Records the function (args, tile, scratch): buffer i of the step is `k.buffer(i)`. */
  emit(k: KernelBuilder): void;
}

/** Where a step finds one of its buffers. */
export type Slot = { readonly input: number } | { readonly temp: number } | { readonly output: number };

/**
 * An operation as kernels that run one after another. Each writes the output, the temps that it is the first to name,
 * and its last argument, and only reads its other arguments.
 */
export interface Lowered {
  /** Sizes of the buffers between steps, in 4-byte elements. */
  readonly temps: readonly number[];
  readonly steps: readonly { readonly kernel: Kernel; readonly args: readonly Slot[] }[];
}

/** Which of its arguments each step writes. */
export function writesOf({ steps }: Lowered): number[][] {
  const filled = new Set<number>();
  return steps.map(({ args }) => {
    const writes = args.flatMap((slot, i) => {
      const isNew = "temp" in slot && !filled.has(slot.temp);
      return isNew || "output" in slot || i === args.length - 1 ? [i] : [];
    });
    for (const slot of args) if ("temp" in slot) filled.add(slot.temp);
    return writes;
  });
}
