// The result of lowering: a list of kernel calls over numbered buffers, before memory is planned.

import type { Node } from "../graph.ts";

export interface BufferRef {
  readonly buffer: number;
  /** In bytes, from the start of the buffer. */
  readonly offset: number;
}

export interface KernelCall<K> {
  readonly kernel: K;
  readonly args: readonly BufferRef[];
  /** Which of `args` the kernel writes; it only reads the others. */
  readonly writes: readonly number[];
  /** What the call computes, for profiles. */
  readonly label: string;
}

/** Where a buffer is allocated. Arena buffers share memory over time; the others keep theirs as long as the program. */
export type Place =
  | { readonly kind: "arena" }
  | { readonly kind: "prelude" }
  | { readonly kind: "input"; readonly node: Node }
  | { readonly kind: "variable"; readonly node: Node }
  | { readonly kind: "constant"; readonly node: Node }
  | { readonly kind: "output" };

export interface BufferInfo {
  readonly bytes: number;
  readonly place: Place;
  /** Whether the calls that write it write different elements each, so that they may run at the same time. */
  readonly inParts?: boolean;
}

export interface LoweredProgram<K> {
  readonly buffers: readonly BufferInfo[];
  readonly calls: readonly KernelCall<K>[];
  /** How many calls, from the first on, need to run again only after a variable that they read was written. */
  readonly preludeCalls: number;
  /** Where to read each output of the program after a run. */
  readonly outputs: readonly BufferRef[];
}
