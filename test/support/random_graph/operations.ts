// The operations that a random graph is drawn from, and how often. Each takes tensors of the pool, or new leaves, and
// keeps its result.

import type { Draft } from "./draft.ts";
import { groupNorm, pooling, softmax } from "./layers.ts";
import { casts, joined, movement } from "./movement.ts";
import { binary, reduce, unary, where } from "./pointwise.ts";
import { attention, convolution, matmul } from "./products.ts";
import { constants, gathering, random } from "./sources.ts";

export const OPERATIONS: Readonly<
  Record<string, { readonly draw: (draft: Draft) => void; readonly weight: number }>
> = {
  unary: { draw: unary, weight: 5 },
  binary: { draw: binary, weight: 5 },
  where: { draw: where, weight: 2 },
  reduce: { draw: reduce, weight: 4 },
  movement: { draw: movement, weight: 5 },
  concat: { draw: joined, weight: 3 },
  matmul: { draw: matmul, weight: 4 },
  convolution: { draw: convolution, weight: 4 },
  attention: { draw: attention, weight: 2 },
  gather: { draw: gathering, weight: 2 },
  random: { draw: random, weight: 2 },
  casts: { draw: casts, weight: 3 },
  constants: { draw: constants, weight: 1 },
  groupNorm: { draw: groupNorm, weight: 1 },
  pooling: { draw: pooling, weight: 1 },
  softmax: { draw: softmax, weight: 1 },
};
