// What the kernels of a backend can do. The passes ask here; they know no kernel.

import type { DType, Node, Op } from "./graph.ts";

/** What the kernel of a product adds while it writes its result. */
export interface TailSupport {
  /** A vector along the last axis. */
  readonly bias: boolean;
  /** A tensor of the result's shape. */
  readonly residual: boolean;
  /** One vector for each image, as the residual. */
  readonly perImage: boolean;
}

/** What the kernels of a backend can do. */
export interface Capabilities {
  /** Types of elements in memory. */
  readonly dtypes: readonly DType[];
  /** Arrays that the kernel of a loop may bind, those it reads and those it writes together; at least 4. */
  readonly maxArrays: number;
  /** Whether the kernel of a loop may write an array that it reads, each element after it was read. */
  readonly inPlace: boolean;
  /** Whether the kernel of a primitive reads its inputs under any strides; the others read runs of memory. */
  readonly readsStrides: (op: Op) => boolean;
  /** @param product a primitive */
  readonly tail: (product: Node) => TailSupport;
}
