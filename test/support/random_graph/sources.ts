// Rows by index, random numbers and constants of a random graph.

import { scatterAdd } from "../../../src/engine/ops/gather.ts";
import { numel } from "../../../src/engine/shape.ts";
import { constant, full, normal, Tensor, uniform } from "../../../src/engine/tensor.ts";
import type { Draft } from "./draft.ts";

export function gathering(draft: Draft): void {
  const { dice } = draft;
  const [rows, width, count] = [draft.size(), draft.size(), draft.size()];
  // Some outside: they take the nearest row.
  const index = dice.chance(0.7)
    ? draft.integers(Int32Array.from({ length: count }, () => dice.whole(-2, rows + 1)))
    : draft.operand([count]).mul(3).detach().cast("i32");
  if (dice.chance(0.6)) {
    draft.keep(draft.operand([rows, width]).gather(index), 4);
  } else {
    const summed = scatterAdd(draft.operand([count, width]).node, index.node, rows);
    draft.keep(new Tensor(summed), 4 * Math.sqrt(count));
  }
}

export function random(draft: Draft): void {
  const { dice } = draft;
  const shape = draft.shape();
  const draw = dice.pick([uniform, normal]);
  const site = dice.whole(0, 2 ** 20);
  const y = dice.chance(0.5)
    ? draw(draft.key(), site, shape, dice.whole(1, 300))
    : draw(draft.key().slice([0], [3]), site, shape);
  draft.keep(y, 4);
}

export function constants(draft: Draft): void {
  const { dice } = draft;
  const shape = draft.shape();
  const value = dice.pick([0, 1, -0.5, 0.1]);
  const data = Float32Array.from({ length: numel(shape) }, () => dice.whole(-8, 8) / 4);
  draft.keep(dice.chance(0.5) ? full(value, shape).add(draft.operand([1])) : constant(data, shape), 4);
}
