// Long reductions in two stages, so that they spread over threads and no sum runs over too many terms in a row.
// Stage one reduces parts of the outermost reduced axis; stage two joins the parts in a fixed order.

import { collapse, type LoopArray, type LoopSpec } from "./loop_spec.ts";

/** Reductions over fewer elements are not split. */
const SPLIT_ABOVE = 32768;
const PART_ELEMENTS = 16384;
const MAX_PARTS = 64;

export interface SplitReduction {
  readonly first: LoopSpec;
  /** Elements of each partial result; one temporary per reduction. */
  readonly partials: number;
  /** One spec per reduction: reads its temporary, writes its result. */
  readonly second: readonly LoopSpec[];
}

/**
 * Null when one stage is enough. With `batchInvariant`, axes before the first reduced one, such as the batch, do not
 * affect the decision.
 */
export function splitReduction(given: LoopSpec, batchInvariant = false): SplitReduction | null {
  const spec = collapse(given);
  const axis = spec.reduced.indexOf(true);
  if (axis === -1) return null;
  const kept = product(spec.domain.filter((_, a) => !spec.reduced[a]));
  const length = product(spec.domain.filter((_, a) => spec.reduced[a]));
  const elements = product(batchInvariant ? spec.domain.slice(axis) : spec.domain);
  // Many short rows or columns already spread well.
  if (elements <= SPLIT_ABOVE || length <= 1024) return null;
  const wanted = Math.min(MAX_PARTS, Math.ceil(elements / PART_ELEMENTS));
  const parts = largestDivisor(spec.domain[axis], wanted);
  if (parts === 1) return null;

  const part = spec.domain[axis] / parts;
  const cut = (array: LoopArray) =>
    array.strides.toSpliced(axis, 1, array.strides[axis] * part, array.strides[axis]);
  const domain = spec.domain.toSpliced(axis, 1, parts, part);
  const reduced = spec.reduced.toSpliced(axis, 1, false, true);
  const keptAxes = spec.domain.flatMap((_, a) => (spec.reduced[a] ? [] : [a]));
  const keptSizes = keptAxes.map((a) => spec.domain[a]);
  // Partial results are laid out as [parts, kept...], whatever the order of the axes.
  const keptStrides = keptSizes.map((_, i) => product(keptSizes.slice(i + 1)));
  const toPartial = domain.map((_, a) => {
    if (a === axis) return kept;
    const original = a > axis ? a - 1 : a;
    return reduced[a] ? 0 : keptStrides[keptAxes.indexOf(original)];
  });
  return {
    first: {
      domain,
      reduced,
      operands: spec.operands.map((operand) => ({ ...operand, strides: cut(operand) })),
      instructions: spec.instructions,
      stores: [],
      reductions: spec.reductions.map((reduction) => ({ ...reduction, strides: toPartial, offset: 0 })),
    },
    partials: parts * kept,
    second: spec.reductions.map((reduction) => ({
      domain: [parts, ...keptSizes],
      reduced: [true, ...keptSizes.map(() => false)],
      operands: [{ strides: [kept, ...keptStrides], offset: 0, dtype: reduction.dtype }],
      instructions: [{ op: "load", operand: 0 }],
      stores: [],
      reductions: [
        {
          fn: reduction.fn,
          value: 0,
          strides: [0, ...keptAxes.map((a) => reduction.strides[a])],
          offset: reduction.offset,
          dtype: reduction.dtype,
        },
      ],
    })),
  };
}

const product = (sizes: readonly number[]) => sizes.reduce((total, size) => total * size, 1);

function largestDivisor(of: number, atMost: number): number {
  for (let divisor = Math.min(of, atMost); divisor > 1; divisor--) if (of % divisor === 0) return divisor;
  return 1;
}
