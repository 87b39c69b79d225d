// Operations of a random graph that move numbers, join them, or store them in another type.

import type { HalfType } from "../../../src/engine/graph.ts";
import { numel } from "../../../src/engine/shape.ts";
import { concat } from "../../../src/engine/tensor.ts";
import type { Dice } from "./dice.ts";
import type { Draft } from "./draft.ts";

/** A shape with as many elements. */
function regrouped(dice: Dice, count: number): number[] {
  const shape: number[] = [];
  let left = count;
  while (left > 1 && shape.length < 4) {
    const divisors = Array.from({ length: Math.min(left, 70) }, (_, i) => i + 1).filter(
      (size) => left % size === 0,
    );
    const size = dice.pick(divisors);
    shape.push(size);
    left /= size;
  }
  return left > 1 || dice.chance(0.1) ? [...shape, left] : shape;
}

export function movement(draft: Draft): void {
  const { dice } = draft;
  const x = draft.any();
  const { shape } = x;
  const margin = () => dice.pick([0, 0, 1, 2, 5]);
  const y = dice.pick([
    () => x.reshape(regrouped(dice, numel(shape))),
    () => x.permute(dice.order(shape.length)),
    () => {
      const part = shape.map((size) => (dice.chance(0.5) ? size : dice.whole(1, size)));
      return x.slice(
        part.map((size, axis) => dice.whole(0, shape[axis] - size)),
        part,
      );
    },
    () => x.pad(shape.map(margin), shape.map(margin)),
    () => {
      const at = dice.whole(0, shape.length);
      const wider = [...shape.slice(0, at), dice.whole(1, 9), ...shape.slice(at)];
      return x.reshape(wider.with(at, 1)).broadcastTo(wider);
    },
    () => (shape.length > 1 ? x.transpose() : x.neg()),
  ])();
  if (draft.fits(y.shape)) draft.keep(y, 4);
}

export function joined(draft: Draft): void {
  const { dice } = draft;
  const x = draft.any();
  if (x.shape.length === 0) return;
  const axis = dice.whole(0, x.shape.length - 1);
  const parts = Array.from({ length: dice.whole(1, 3) }, () =>
    draft.operand(x.shape.with(axis, dice.whole(1, 9))),
  );
  const at = dice.whole(0, parts.length);
  const y = concat(
    [...parts.slice(0, at), x, ...parts.slice(at)],
    dice.chance(0.2) ? axis - x.shape.length : axis,
  );
  if (draft.fits(y.shape)) draft.keep(y, 4);
}

export function casts(draft: Draft): void {
  const { dice } = draft;
  const x = draft.any();
  const half = dice.pick<HalfType>(["f16", "bf16"]);
  const y = dice.pick([
    () => x.cast(half).cast(),
    () => x.cast("f16").cast("bf16").cast(),
    () => draft.moved(x.cast(half), x.shape).add(0),
    () => x.mul(2).cast("i32").reshape([-1]).cast().reshape(x.shape).mul(0.5),
    () =>
      concat(
        [x.cast(half), draft.operand(x.shape).cast(half)].map((part) => part.reshape([-1])),
        0,
      ).mul(0.5),
  ])();
  draft.keep(y.cast(), 4);
}
