// What a kernel is: code for one step of a program, generated for exact shapes, cut into independent tiles.

import type { LoweredOp, Slot } from "../../../program/kernel_set.ts";
import type { KernelBuilder } from "../simd/builder.ts";
import type { Expr } from "../simd/expr.ts";

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
  /** `flops` are those of the direct way to the same result, of which this one needs fewer. */
  readonly fewerFlops?: true;
  readonly bytes: number;
  /** Records the function (args, tile, scratch): buffer i of the step is `k.buffer(i)`. */
  emit(k: KernelBuilder): void;
}

/** What a product's kernel adds while it writes its result. */
export interface ProductTail {
  /** A vector along the last axis. */
  readonly bias?: boolean;
  /** After the bias, what lies in another buffer as the result does in its own. */
  readonly residual?: boolean;
}
/** The inputs that hold them, after the two factors. */
export const tailSlots = ({ bias, residual }: ProductTail): Slot[] =>
  Array.from({ length: Number(bias ?? false) + Number(residual ?? false) }, (_, i) => ({ input: 2 + i }));
/** Arguments of a product's kernel: two factors, the bias and the residual where there are any, the result. */
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

/** An operation as kernels of the CPU. */
export type Lowered = LoweredOp<Kernel>;
