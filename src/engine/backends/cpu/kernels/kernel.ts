// What a kernel is: code for one step of a program, generated for exact shapes, cut into independent tiles.

import type { LoweredOp, Slot } from "../../../program/kernel_set.ts";
import type { KernelBuilder } from "../simd/builder.ts";
import type { Expr } from "../simd/expr.ts";

export interface Kernel {
  /** The kind of work, for profiles: "conv2d", "conv2d_grad_filter", "matmul", "pack", "random", ... */
  readonly family: string;
  /** Equal keys mean equal code. */
  readonly key: string;
  /**
   * Independent work items. The order of each sum follows from shapes only, never from the number of threads, so that
   * results are bit-equal for any number of them.
   */
  readonly tiles: number;
  /** Bytes of scratch memory that each thread needs. */
  readonly scratchBytes: number;
  /** Floating-point operations of the whole step, and bytes it must move. */
  readonly flops: number;
  /** `flops` counts the direct algorithm; this kernel does fewer. */
  readonly fewerFlops?: true;
  readonly bytes: number;
  /** Records the function (args, tile, scratch): buffer i of the step is `k.buffer(i)`. */
  emit(k: KernelBuilder): void;
}

/** What a product's kernel adds to its result while writing it. */
export interface ProductTail {
  /** A vector along the last axis. */
  readonly bias?: boolean;
  /** Added after the bias: a buffer with the result's layout. */
  readonly residual?: boolean;
}
/** The tail's inputs, which follow the two factors. */
export const tailSlots = ({ bias, residual }: ProductTail): Slot[] =>
  Array.from({ length: Number(bias ?? false) + Number(residual ?? false) }, (_, i) => ({ input: 2 + i }));
/** Arguments of a product's kernel: two factors, the bias and the residual if any, the result. */
export function tailBuffers(
  k: KernelBuilder,
  { bias = false, residual = false }: ProductTail,
): { readonly bias: Expr | undefined; readonly residual: Expr | undefined; readonly result: Expr } {
  const after = 2 + Number(bias);
  return {
    bias: bias ? k.buffer(2) : undefined,
    residual: residual ? k.buffer(after) : undefined,
    result: k.buffer(after + Number(residual)),
  };
}

/** An operation lowered to CPU kernels. */
export type Lowered = LoweredOp<Kernel>;
