// What a backend's kernels can do. The passes ask here; they know no kernel.

import type { DType, Node, Op } from "./graph.ts";

/** What a product's kernel can add while it writes its result. */
export interface TailSupport {
  /** A vector along the last axis. */
  readonly bias: boolean;
  /** A tensor of the result's shape. */
  readonly residual: boolean;
  /** One vector per image, as the residual. */
  readonly perImage: boolean;
}

/** What a backend's kernels can do. */
export interface Capabilities {
  /** Element types in memory; programs with others are refused. */
  readonly dtypes: readonly DType[];
  /** Arrays that a loop's kernel may bind, read and written ones together; at least 4. */
  readonly maxArrays: number;
  /** Whether a loop's kernel may write an array that it reads, each element after reading it. */
  readonly inPlace: boolean;
  /** Whether a primitive's kernel reads inputs with any strides; otherwise it needs contiguous memory. */
  readonly readsStrides: (op: Op) => boolean;
  /** What a primitive's kernel adds while it writes its result. */
  readonly tail: (product: Node) => TailSupport;
  /**
   * Whether a primitive's kernel widens 16-bit inputs when it reads them and rounds its result when it writes it;
   * otherwise loops of their own do.
   */
  readonly takesHalves: (op: Op) => boolean;
}
