// What a backend provides for lowering: its capabilities, and a kernel for each loop and each primitive.

import type { Capabilities } from "../capabilities.ts";
import type { DType, Node } from "../graph.ts";
import type { Tail } from "../passes/tails.ts";
import type { View } from "../passes/view.ts";
import type { LoopSpec } from "./loop_spec.ts";

/** Which buffer an operation's kernel takes as an argument. */
export type Slot = { readonly input: number } | { readonly temp: number } | { readonly output: number };

/**
 * An operation as kernels that run one after another. Each writes the output, the temps that no earlier kernel names,
 * and its last argument; it only reads its other arguments.
 */
export interface LoweredOp<K> {
  /** Sizes of the temporary buffers, in 4-byte elements. */
  readonly temps: readonly number[];
  readonly steps: readonly { readonly kernel: K; readonly args: readonly Slot[] }[];
}

/** The indices of the arguments that each step writes. */
export function writesOf({ steps }: LoweredOp<unknown>): number[][] {
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

/** A primitive in its program: all that a backend may choose its kernel by. */
export interface Primitive extends Tail {
  /** The type of the kernel's result: the product's own, or 16 bits. */
  readonly result: DType;
  /** How inputs, bias and residual are read. */
  readonly view: (node: Node) => View;
  /** Whether a tensor is a variable that the program does not update, or a view or the widened form of one. */
  readonly isConstant: (node: Node) => boolean;
  /** The kernel is chosen for one image; see `ProgramSpec`. */
  readonly batchInvariant: boolean;
}

export interface KernelSet<K> {
  readonly capabilities: Capabilities;
  /** Buffers: operands, then stores, then reductions, in the spec's order. */
  readonly loop: (spec: LoopSpec) => K;
  /** Inputs: those of the product, then bias and residual if any. */
  readonly primitive: (primitive: Primitive) => LoweredOp<K>;
}
