// Pointwise operations and reductions of a random graph.

import type { Shape } from "../../../src/engine/shape.ts";
import type { Tensor } from "../../../src/engine/tensor.ts";
import { activation, activationNames } from "../../../src/nn/activations.ts";
import type { Draft } from "./draft.ts";

/** A shape that broadcasts to `shape` by NumPy's rule. */
function broadcastable({ dice }: Draft, shape: Shape): number[] {
  const from = dice.chance(0.3) ? dice.whole(0, shape.length) : 0;
  const alone = dice.chance(0.5) ? 0.4 : 0;
  return shape.slice(from).map((size) => (dice.chance(alone) ? 1 : size));
}

export function unary(draft: Draft): void {
  const { dice } = draft;
  const x = draft.any();
  const [y, bound] = dice.pick<() => [Tensor, number]>([
    () => [x.neg(), 4],
    () => [x.exp(), 55],
    () => [x.abs().add(0.25).log(), 2],
    () => [dice.pick([x.abs(), x.square()]).add(0.1).sqrt(), 4],
    () => [x.mul(3).sin(), 1],
    () => [x.mul(3).cos(), 1],
    () => [x.tanh(), 1],
    () => [x.erf(), 1],
    () => [x.mul(2).sigmoid(), 1],
    () => [x.abs(), 4],
    () => [x.mul(dice.pick([1, 2])).floor(), 8],
    () => [x.isFinite(), 1],
    () => [x.square(), 16],
    () => [x.detach().tanh(), 1],
    () => [activation(dice.pick(activationNames))(x), 4],
  ])();
  draft.keep(y, bound);
}

export function binary(draft: Draft): void {
  const { dice } = draft;
  const x = draft.any();
  const other = dice.chance(0.25)
    ? dice.pick([0, 1, -1, 0.5, 2, dice.next()])
    : draft.operand(broadcastable(draft, x.shape));
  const isNumber = typeof other === "number";
  const [a, b] = isNumber || dice.chance(0.5) ? [x, other] : [other, x];
  const divisor = typeof b === "number" ? 1.5 : b.abs().add(0.5);
  const [y, bound] = dice.pick<() => [Tensor, number]>([
    () => [a.add(b), 8],
    () => [a.sub(b), 8],
    () => [a.mul(b), 16],
    () => [a.div(divisor), 8],
    () => [a.maximum(b), 4],
    () => [a.minimum(b), 4],
    () => [a.lessThan(b), 1],
  ])();
  draft.keep(y, bound);
}

export function where(draft: Draft): void {
  const { dice } = draft;
  const x = draft.any();
  const other = draft.operand(broadcastable(draft, x.shape));
  const condition = dice.pick([
    () => x.lessThan(dice.pick([0, 0.5])),
    () => x.lessThan(other),
    () => draft.operand(broadcastable(draft, x.shape)),
    () => other.isFinite(),
  ])();
  const second = dice.chance(0.2) ? dice.pick([0, -1]) : other;
  draft.keep(dice.chance(0.5) ? condition.where(x, second) : condition.where(second, x), 4);
}

export function reduce(draft: Draft): void {
  const { dice } = draft;
  const x = draft.any();
  const axes = dice.order(x.shape.length).slice(0, dice.whole(1, Math.max(1, x.shape.length)));
  const over = dice.chance(0.15)
    ? undefined
    : axes.map((axis) => (dice.chance(0.1) ? axis - x.shape.length : axis));
  const keepDims = dice.chance(0.5);
  const from = dice.chance(0.3) ? x.mul(draft.operand(x.shape)).mul(0.25) : x;
  const count = (over ?? x.shape.map((_, axis) => axis)).reduce((n, axis) => n * (x.shape.at(axis) ?? 1), 1);
  const fn = dice.pick(["sum", "max", "mean", "sum of squares"]);
  if (fn === "max") draft.keep(from.max(over, keepDims), 4);
  else if (fn === "mean") draft.keep(from.mean(over, keepDims), 4);
  else draft.keep(from.sum(over, keepDims), 4 * Math.sqrt(count));
  // Over the same elements: one kernel with two results.
  if (fn === "sum of squares") draft.keep(from.square().sum(over, keepDims), 8 * Math.sqrt(count));
}
