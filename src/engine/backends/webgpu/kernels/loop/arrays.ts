// The arrays of a loop: their places in WGSL, and what walking them costs.

import { DTYPE_BYTES } from "../../../../graph.ts";
import type { LoopArray, LoopSpec } from "../../../../program/loop_spec.ts";
import { numel } from "../../../../shape.ts";
import { sum, times } from "../../wgsl/text.ts";
import { type ArrayKind, floats, storedAs } from "../kernel.ts";

/** Index of an array's element at given coordinates. */
export const indexAt = ({ strides, offset }: LoopArray, names: readonly string[]): string =>
  sum([
    ...names.map((name, axis) => (name === "0u" ? "0u" : times(name, strides[axis]))),
    ...(offset === 0 ? [] : [`${offset}u`]),
  ]);

/** How a loop sees an array; `inFours` if it walks it in fours. */
export const kindOf = ({ dtype }: LoopArray, inFours = false): ArrayKind =>
  dtype === "i32" ? dtype : floats(storedAs(dtype), inFours);

/** What a loop computes and moves. */
export function costOf({ domain, operands, instructions, stores, reductions }: LoopSpec): {
  readonly flops: number;
  readonly bytes: number;
} {
  const elements = numel(domain);
  const work = instructions.filter(({ op }) => op !== "load" && op !== "constant").length + reductions.length;
  const touched = (array: LoopArray) =>
    DTYPE_BYTES[array.dtype] * numel(domain.filter((_, axis) => array.strides[axis] !== 0));
  const bytes = [...operands, ...stores, ...reductions].reduce((total, array) => total + touched(array), 0);
  return { flops: elements * work, bytes };
}
