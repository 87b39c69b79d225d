// A random small graph, decided by a seed: leaves, one to twelve operations, sometimes gradients, 16-bit products, and
// updates of variables.

import type { ProgramSpec } from "../../src/engine/backend.ts";
import type { Node } from "../../src/engine/graph.ts";
import { grad, type Tensor, withHalves } from "../../src/engine/tensor.ts";
import { Dice } from "./random_graph/dice.ts";
import { Draft, type Leaf } from "./random_graph/draft.ts";
import { OPERATIONS } from "./random_graph/operations.ts";

export interface RandomGraph {
  readonly seed: number;
  readonly program: ProgramSpec;
  /** The values of the program's inputs, in their order. */
  readonly inputs: readonly Leaf[];
  /** Variables with their first values. */
  readonly variables: readonly Leaf[];
  /** Whether some values are infinite or not numbers. */
  readonly wild: boolean;
  /** The operations that it was drawn from. */
  readonly operations: readonly string[];
  /** Everything the program computes. */
  readonly roots: readonly Node[];
}

const DRAWS = Object.entries(OPERATIONS).flatMap(([name, { weight }]) =>
  new Array<string>(weight).fill(name),
);

export function randomGraph(seed: number): RandomGraph {
  const dice = new Dice(seed);
  const draft = new Draft(dice);
  for (let i = dice.whole(1, 4); i > 0; i--) draft.pool.push(draft.leaf(draft.shape()));
  const operations = Array.from({ length: dice.whole(1, 12) }, () => dice.pick(DRAWS));
  for (const name of operations) OPERATIONS[name].draw(draft);
  const values = results(draft);
  const updates = dice.chance(0.3) ? updatesOf(draft) : [];
  const outputs = dice.chance(0.1) ? withHalves(values, dice.pick(["f16", "bf16"])) : values;
  return {
    seed,
    program: {
      name: `seed ${seed}`,
      inputs: draft.inputs.map(({ tensor }) => tensor),
      outputs,
      updates,
      batchInvariant: dice.chance(0.2),
    },
    inputs: draft.inputs,
    variables: draft.variables,
    wild: draft.wild,
    operations,
    roots: [...outputs, ...updates.map(({ value }) => value)].map(({ node }) => node),
  };
}

/** Some tensors of the pool, the last among them, and for half of the graphs gradients of a weighted sum of them. */
function results(draft: Draft): Tensor[] {
  const { dice, pool } = draft;
  const last = pool[pool.length - 1];
  const outputs = [...new Set([last, ...Array.from({ length: dice.whole(0, 2) }, () => dice.pick(pool))])];
  if (dice.chance(0.5)) return outputs;
  const leaves = [...draft.inputs, ...draft.variables].map(({ tensor }) => tensor);
  const wrt = leaves.filter(({ dtype }) => dtype !== "i32");
  const gradients = grad(loss(draft, outputs), wrt);
  const second = gradients.length > 0 && dice.chance(0.1) ? grad(loss(draft, gradients), wrt) : [];
  return [...outputs, ...gradients, ...second].map((x) => x.cast());
}

/** Σ w x over all elements, with random weights or the elements themselves for w. */
const loss = (draft: Draft, values: readonly Tensor[]): Tensor =>
  values
    .map((x) => x.mul(draft.dice.chance(0.5) ? x : draft.operand(x.shape)).mean())
    .reduce((a, b) => a.add(b));

/** New values of some variables, from their own and others. */
function updatesOf(draft: Draft): { target: Tensor; value: Tensor }[] {
  const { dice } = draft;
  return draft.variables
    .filter(() => dice.chance(0.7))
    .map(({ tensor }) => {
      const other = draft.moved(draft.any(), tensor.shape);
      const value = dice.chance(0.7) ? tensor.mul(0.5).add(other.mul(0.25)) : other;
      return { target: tensor, value: value.cast(tensor.dtype) };
    });
}
