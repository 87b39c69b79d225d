// A loop nest as plain data: what it reads, computes and writes. Equal specs share one kernel.

import type { BinaryFn, DType, HalfType, ReduceFn, UnaryFn } from "../graph.ts";

/** An array that the loop walks. Strides are in elements, one per axis of the domain. */
export interface LoopArray {
  readonly strides: readonly number[];
  readonly offset: number;
  /** The type of the elements in memory; 16-bit ones are widened when read and rounded when written. */
  readonly dtype: DType;
}

/** One value per point of the domain, computed from values earlier in the list. */
export type LoopInstruction =
  | { readonly op: "load"; readonly operand: number }
  | { readonly op: "constant"; readonly value: number }
  | { readonly op: "unary"; readonly fn: UnaryFn; readonly args: readonly [number] }
  | { readonly op: "binary"; readonly fn: BinaryFn; readonly args: readonly [number, number] }
  | { readonly op: "where"; readonly args: readonly [number, number, number] }
  | { readonly op: "toFloat"; readonly args: readonly [number] }
  | { readonly op: "toInt"; readonly args: readonly [number] }
  /** The value rounded to 16 bits. */
  | { readonly op: "round"; readonly to: HalfType; readonly args: readonly [number] };

export interface LoopStore extends LoopArray {
  /** Index of the instruction whose value is stored. */
  readonly value: number;
}

export interface LoopReduction extends LoopStore {
  /** Strides are 0 along reduced axes. */
  readonly fn: ReduceFn;
}

export interface LoopSpec {
  /** Sizes of the axes, outermost first. */
  readonly domain: readonly number[];
  /** Which axes are reduced. A loop either stores values or reduces; one that stores has no reduced axis. */
  readonly reduced: readonly boolean[];
  readonly operands: readonly LoopArray[];
  readonly instructions: readonly LoopInstruction[];
  readonly stores: readonly LoopStore[];
  readonly reductions: readonly LoopReduction[];
}

/** Merges neighbouring axes that every array walks as one, and drops axes of size 1. */
export function collapse(spec: LoopSpec): LoopSpec {
  const arrays: readonly LoopArray[] = [...spec.operands, ...spec.stores, ...spec.reductions];
  const kept: number[] = [];
  const sizes: number[] = [];
  for (const [axis, size] of spec.domain.entries()) {
    if (size === 1) continue;
    const last = kept.length - 1;
    const outer = kept[last];
    const joins =
      last >= 0 &&
      spec.reduced[outer] === spec.reduced[axis] &&
      arrays.every((array) => array.strides[outer] === array.strides[axis] * size);
    if (joins) {
      kept[last] = axis;
      sizes[last] *= size;
    } else {
      kept.push(axis);
      sizes.push(size);
    }
  }
  if (kept.length === 0) {
    kept.push(spec.domain.length - 1);
    sizes.push(1);
  }
  const pick = <T extends LoopArray>(array: T): T => ({
    ...array,
    strides: kept.map((axis) => array.strides[axis] ?? 0),
  });
  return {
    domain: sizes,
    reduced: kept.map((axis) => spec.reduced[axis] ?? false),
    operands: spec.operands.map(pick),
    instructions: spec.instructions,
    stores: spec.stores.map(pick),
    reductions: spec.reductions.map(pick),
  };
}
