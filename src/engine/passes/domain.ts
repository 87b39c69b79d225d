// Loop domains. Tensors of equal size but different shapes ([N,H,W,C] and [N,HW,C]) can share one loop nest when the
// boundaries between their axes line up. A shape's boundaries are its suffix products: [N,H,W,C] has {C, WC, HWC, NHWC}.

import type { Shape } from "../shape.ts";

/** The suffix products of a shape, 1 excluded. */
export function boundaries(shape: Shape): Set<number> {
  const cuts = new Set<number>();
  let product = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    product *= shape[axis];
    if (product > 1) cuts.add(product);
  }
  return cuts;
}

/** Whether the boundaries line up: each divides the next larger one. */
export function isChain(cuts: ReadonlySet<number>): boolean {
  const sorted = [...cuts].sort((a, b) => a - b);
  return sorted.every((cut, i) => i === 0 || cut % sorted[i - 1] === 0);
}

/** The axes between boundaries, outermost first. */
export function domainOf(cuts: ReadonlySet<number>): number[] {
  const sorted = [...cuts].sort((a, b) => a - b);
  return sorted.map((cut, i) => (i === 0 ? cut : cut / sorted[i - 1])).reverse();
}

/**
 * For each axis of `domain`, the axis of `shape` that it is part of. The domain's boundaries must include those of
 * `shape`.
 */
function axisOf(shape: Shape, domain: readonly number[]): number[] {
  const axes = new Array<number>(domain.length);
  let axis = shape.length - 1;
  let taken = 1;
  for (let d = domain.length - 1; d >= 0; d--) {
    while (shape[axis] === taken) {
      axis--;
      taken = 1;
    }
    axes[d] = axis;
    taken *= domain[d];
  }
  return axes;
}

/** Strides over `domain` of a tensor with `strides` over `shape`. */
export function stridesOver(domain: readonly number[], shape: Shape, strides: readonly number[]): number[] {
  const axes = axisOf(shape, domain);
  const result = new Array<number>(domain.length);
  for (let d = domain.length - 1; d >= 0; d--) {
    const inner = d + 1 < domain.length && axes[d + 1] === axes[d];
    result[d] = inner ? result[d + 1] * domain[d + 1] : strides[axes[d]];
  }
  return result;
}
