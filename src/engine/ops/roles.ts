// The role of an op in a program: how its result is computed, for the passes and for lowering.

import type { Op, OpKind } from "../graph.ts";

/**
 * leaf: given from outside. pointwise: each element from the same element of the inputs, inlined into loops.
 * movement: another view of its input. reduction: a loop that joins elements. assembled: parts copied into place.
 * primitive: has its own kernel.
 */
export type Role = "leaf" | "pointwise" | "movement" | "reduction" | "assembled" | "primitive";

const ROLES = {
  input: "leaf",
  variable: "leaf",
  constant: "leaf",
  full: "pointwise",
  cast: "pointwise",
  unary: "pointwise",
  binary: "pointwise",
  where: "pointwise",
  detach: "movement",
  reshape: "movement",
  permute: "movement",
  expand: "movement",
  slice: "movement",
  reduce: "reduction",
  pad: "assembled",
  concat: "assembled",
  matmul: "primitive",
  conv2d: "primitive",
  conv2dGradInput: "primitive",
  conv2dGradFilter: "primitive",
  attention: "primitive",
  attentionGrad: "primitive",
  gather: "primitive",
  scatterAdd: "primitive",
  random: "primitive",
} as const satisfies Record<OpKind, Role>;

type PrimitiveKind = { [Kind in OpKind]: (typeof ROLES)[Kind] extends "primitive" ? Kind : never }[OpKind];
/** An op that has its own kernel. */
export type PrimitiveOp = Extract<Op, { kind: PrimitiveKind }>;

const isPrimitive = (op: Op): op is PrimitiveOp => ROLES[op.kind] === "primitive";

/** @throws Error for an op that is none */
export function primitiveOf(op: Op): PrimitiveOp {
  if (isPrimitive(op)) return op;
  throw new Error(`${op.kind} is no primitive`);
}

export const roleOf = (op: Op): Role => ROLES[op.kind];
