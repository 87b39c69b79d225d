// How far rounding may take the results of a graph from those in float64: the graph is evaluated some times over with
// the operands and results of its ops nudged a little, and moves as far as it is sensitive. A comparison of nearly
// equal values, or a rounding to 16 bits near the middle of two numbers, falls either way in these trials, as it may in
// float32.

import { evaluate } from "../../../src/engine/backends/reference/evaluate.ts";
import { toElements, toFloats } from "../../../src/engine/elements.ts";
import { isHalf, type Node, type Op, topologicalOrder } from "../../../src/engine/graph.ts";
import { distance, norm } from "../compare.ts";
import type { RandomGraph } from "../random_graph.ts";
import { Dice } from "./dice.ts";
import type { Leaf } from "./draft.ts";

/** Of the norm: what needs no trial. */
const BASE = 2e-6;
/** Counts as so much in each element, where values are nearly 0. */
const FLOOR = 1e-3;
/** Enough for nearly all graphs; and for those where only one of many values lies so close to an edge. */
const [TRIALS, MOST_TRIALS] = [8, 256];
const LARGEST = 1e30;
/** 32 times what a rounding to float32 may miss; and four times as much where a kernel has steps of its own. */
const NUDGE = 2 ** -19;
const INNER_NUDGE = 2 ** -17;
/** Elements from which on such sums miss by more. */
const LONG_SUM = 500;

/** The results of `runs` runs: outputs of each, then the variables. */
function expected(graph: RandomGraph, runs: number, nudges?: Dice): Float64Array[] {
  const state = new Map(
    [...graph.variables, ...graph.inputs].map((leaf) => [leaf.tensor.node, stored(leaf)]),
  );
  const { outputs, updates = [] } = graph.program;
  const order = topologicalOrder(graph.roots);
  const results: Float64Array[] = [];
  for (let run = 0; run < runs; run++) {
    const values = new Map<Node, Float64Array>();
    const of = (map: ReadonlyMap<Node, Float64Array>, node: Node) => {
      const value = map.get(node);
      if (value === undefined) throw new Error(`no value for ${node.op.kind}`);
      return value;
    };
    for (const node of order) {
      const given = node.inputs.map((source) => of(values, source));
      values.set(
        node,
        nudged(node, given, (leaf) => of(state, leaf), nudges),
      );
    }
    results.push(...outputs.map(({ node }) => of(values, node)));
    for (const { target, value } of updates)
      state.set(target.node, Float64Array.from(of(values, value.node), Math.fround));
  }
  return [...results, ...graph.variables.map(({ tensor }) => state.get(tensor.node) ?? new Float64Array())];
}

function stored({ tensor: { dtype }, data }: Leaf): Float64Array {
  if (!isHalf(dtype)) return Float64Array.from(data);
  const { buffer, byteOffset, length } = toElements(data, dtype);
  return Float64Array.from(toFloats(buffer, byteOffset, length, dtype));
}

function nudged(
  node: Node,
  given: readonly Float64Array[],
  leaf: (node: Node) => Float64Array,
  dice: Dice | undefined,
): Float64Array {
  const plain = evaluate(node, given, leaf);
  const most = dice === undefined ? 0 : nudgeOf(node.op);
  if (dice === undefined || most === 0) return plain;
  const nudge = () => most * (2 * dice.next() - 1);
  if (node.op.kind === "random") return plain.map((x) => x + nudge());
  if (isExact(node.op, plain, given)) return plain;
  // Each element for itself, and all together: sums of equal values round in the same direction again and again.
  const others = given.map((values, i) => {
    if (node.inputs[i].dtype === "i32") return values;
    const shared = Math.max(1, values.length / LONG_SUM) * nudge();
    return values.map((x) => x * (1 + shared + nudge()));
  });
  // The results, too: a sigmoid of almost 1 is 1 in float32.
  const cancelled = cancelledIn(node.op, given);
  const shared = nudge();
  return evaluate(node, others, leaf).map((x) => x * (1 + nudge()) + cancelled * (shared + nudge()));
}

/**
 * What may cancel within a kernel, roughly. The weights of attention miss a sum of 1 by rounding, so where its gradient
 * should be 0, because all keys are equal, it is a little of this. So is a convolution of zeros by Winograd's transforms.
 */
function cancelledIn(op: Op, given: readonly Float64Array[]): number {
  const [a, b, c, d] = given.map((values) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0));
  switch (op.kind) {
    case "attentionGrad":
      return op.scale * Math.max(a, b) * c * d;
    case "conv2d":
    case "conv2dGradInput":
    case "conv2dGradFilter":
      return a * b;
    default:
      return 0;
  }
}

/** Whether float32 computes this without rounding. */
function isExact({ kind }: Op, result: Float64Array, given: readonly Float64Array[]): boolean {
  switch (kind) {
    case "unary":
    case "binary":
      return [result, ...given].every((values) => values.every((x) => Math.fround(x) === x));
    case "reduce":
    case "matmul":
    case "scatterAdd":
      // So few bits that all partial sums have at most 24.
      return given.every((values) => values.every((x) => Number.isInteger(8 * x) && Math.abs(x) <= 8));
    default:
      return false;
  }
}

/** How far the operands of an op are moved; 0 for what is computed without rounding. */
function nudgeOf(op: Op): number {
  switch (op.kind) {
    case "unary":
      return ["neg", "abs", "floor", "isFinite"].includes(op.fn) ? 0 : NUDGE;
    case "binary":
      return ["max", "min", "lessThan"].includes(op.fn) ? 0 : NUDGE;
    case "reduce":
      return op.fn === "sum" ? NUDGE : 0;
    case "random":
      return op.distribution === "normal" ? NUDGE : 0;
    case "matmul":
    case "scatterAdd":
      return NUDGE;
    case "attention":
    case "attentionGrad":
    case "conv2d":
    case "conv2dGradInput":
    case "conv2dGradFilter":
      return INNER_NUDGE;
    default:
      return 0;
  }
}

/** The first result that rounding does not explain, in words; or undefined. */
export function unexplained(
  graph: RandomGraph,
  runs: number,
  got: readonly Float32Array[],
): string | undefined {
  const right = expected(graph, runs);
  // What float32 does not hold has no bound.
  if (!right.every((values) => values.every((x) => Math.abs(x) < LARGEST))) return undefined;
  const scales = right.map((values) => norm(values) + FLOOR * Math.sqrt(values.length));
  const errors = right.map((values, i) => distance(got[i], values));
  const isSmall = (error: number, i: number) => error <= BASE * scales[i];
  if (errors.every(isSmall)) return undefined;
  const moved = right.map(() => 0);
  for (let trial = 0; trial < MOST_TRIALS; trial++) {
    if (trial >= TRIALS && errors.every((error, i) => error <= allowed(moved[i], scales[i])))
      return undefined;
    for (const [i, values] of expected(graph, runs, new Dice(trial)).entries())
      moved[i] = Math.max(moved[i], distance(values, right[i]));
  }
  const i = errors.findIndex((error, at) => !(error <= allowed(moved[at], scales[at])));
  if (i === -1) return undefined;
  return [
    `result ${i} differs from the reference by ${errors[i].toExponential(2)}`,
    `of ${scales[i].toExponential(2)}, rounding allows ${allowed(moved[i], scales[i]).toExponential(2)}`,
  ].join(" ");
}

const allowed = (moved: number, scale: number): number => 2 * moved + BASE * scale;
