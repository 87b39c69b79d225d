// Decides which nodes get a buffer and groups the rest into kernels: graph -> steps.
//
// Pointwise work is done inside the loops that use it. A pointwise result that several loops use is recomputed in each
// when that reads no more memory than storing it would, and stored otherwise. Loops over the same elements that share
// operands become one kernel with several results (both sums of a group norm's backward pass, or a whole AdamW
// update). What is added to a product joins the product's kernel (tails.ts).

import type { Capabilities } from "../capabilities.ts";
import type { Node } from "../graph.ts";
import { roleOf } from "../ops/roles.ts";
import { numel, sameShape } from "../shape.ts";
import { boundaries, isChain } from "./domain.ts";
import { bareTail, findTails, type Tail } from "./tails.ts";
import { isContiguous, isIdentity, type View, viewThrough, wholeView } from "./view.ts";

/** One loop nest with one or more results: pointwise values, copies of views, or reductions over the same domain. */
export interface LoopStep {
  readonly kind: "loop";
  readonly results: Node[];
}
/** A product, convolution, gather or random draw, each with its own kernel. */
export interface PrimitiveStep extends Tail {
  readonly kind: "primitive";
  /** The node whose value the step computes: `product` itself, or its sum with the tail. */
  readonly node: Node;
}
/** A concat or pad: its parts are copied into place. */
export interface AssembleStep {
  readonly kind: "assemble";
  readonly node: Node;
}
export type Step = LoopStep | PrimitiveStep | AssembleStep;

export interface FusedGraph {
  readonly steps: readonly Step[];
  /** How to read each node: a view of a buffer or of an inlined expression. */
  readonly view: (node: Node) => View;
  /** Whether a node is read from a buffer (leaves always are). */
  readonly isStored: (node: Node) => boolean;
}

const isLeaf = ({ op }: Node) => roleOf(op) === "leaf";
const isPointwise = ({ op }: Node) => roleOf(op) === "pointwise";
const isMovement = ({ op }: Node) => roleOf(op) === "movement";
const isAssembled = ({ op }: Node) => roleOf(op) === "assembled";
const isPrimitive = ({ op }: Node) => roleOf(op) === "primitive";
const isLoop = (node: Node) => isPointwise(node) || roleOf(node.op) === "reduction";

/** Above this many operations a shared pointwise value is stored rather than recomputed. */
const MAX_RECOMPUTED_OPERATIONS = 48;

/**
 * @param order every node, inputs before users, in the order in which they should run
 * @param roots nodes that must have a buffer of their own at the end
 */
export function fuse(order: readonly Node[], roots: readonly Node[], capabilities: Capabilities): FusedGraph {
  const stored = new Set<Node>(order.filter((node) => !isPointwise(node) && !isMovement(node)));
  const views = collectViews(order, stored);
  const view = (node: Node): View => {
    const known = views.get(node);
    if (known === undefined) throw new Error(`${node.op.kind} is not part of this graph`);
    return known;
  };
  for (const node of roots) {
    if (isMovement(node) && !isIdentity(view(node))) {
      stored.add(node);
      views.set(node, wholeView(node));
    } else {
      stored.add(view(node).base);
    }
  }
  const tails = findTails(order, { roots, view, stored, capabilities });
  storeWhatCannotBeInlined(order, stored, views, view, tails, capabilities);
  // The cost of one decision depends on the others, so a second round uses the outcome of the first.
  const guess = chooseStored(order, stored, view, stored, capabilities);
  const decided = chooseStored(order, stored, view, guess, capabilities);
  const isStored = (node: Node) => decided.has(node);
  return { steps: formSteps(order, decided, view, tails, capabilities), view, isStored };
}

function collectViews(order: readonly Node[], stored: Set<Node>): Map<Node, View> {
  const views = new Map<Node, View>();
  for (const node of order) {
    if (!isMovement(node)) {
      views.set(node, wholeView(node));
      continue;
    }
    const [source] = node.inputs;
    const through = views.get(source);
    let own = through && viewThrough(node, through);
    if (!own) {
      // Strides cannot express this reshape: its source is copied into order first.
      stored.add(source);
      views.set(source, wholeView(source));
      own = viewThrough(node, wholeView(source));
    }
    if (own) views.set(node, own);
  }
  return views;
}

/** Primitives read buffers; loops inline only what they read element for element in a compatible loop order. */
function storeWhatCannotBeInlined(
  order: readonly Node[],
  stored: Set<Node>,
  views: Map<Node, View>,
  view: (node: Node) => View,
  tails: ReadonlyMap<Node, Tail>,
  capabilities: Capabilities,
): void {
  const cuts = new Map<Node, Set<number>>();
  for (const node of order) {
    if (isMovement(node) && !stored.has(node)) continue;
    const tail = tails.get(node);
    if (tail !== undefined) {
      if (tail.bias !== null) stored.add(view(tail.bias).base);
      continue;
    }
    const own = boundaries(node.op.kind === "reduce" ? node.inputs[0].shape : node.shape);
    const inputs = isPrimitive(node) ? bareTail(node, capabilities).inputs : node.inputs;
    const sources = isMovement(node) ? [node] : inputs;
    if (isPrimitive(node) && !capabilities.readsStrides(node.op)) copyScattered(inputs, stored, views, view);
    for (const source of sources) {
      const read = isMovement(node) ? viewOfCopied(node, views) : view(source);
      const { base } = read;
      if (stored.has(base)) continue;
      const joined = new Set([...own, ...(cuts.get(base) ?? [])]);
      if (isLoop(node) && isIdentity(read) && isChain(joined)) {
        for (const cut of joined) own.add(cut);
      } else {
        stored.add(base);
      }
    }
    cuts.set(node, own);
  }
}

function copyScattered(
  inputs: readonly Node[],
  stored: Set<Node>,
  views: Map<Node, View>,
  view: (node: Node) => View,
): void {
  for (const source of inputs) {
    const read = view(source);
    if (stored.has(source) || isContiguous(read)) continue;
    stored.add(read.base);
    stored.add(source);
    views.set(source, wholeView(source));
  }
}

/** What a copied movement node reads. */
function viewOfCopied(node: Node, views: ReadonlyMap<Node, View>): View {
  const source = views.get(node.inputs[0]);
  const through = source && viewThrough(node, source);
  if (!through) throw new Error(`${node.op.kind} of a view that was not stored`);
  return through;
}

interface Expression {
  /** Full-size buffers that the node's computation reads. */
  readonly reads: Set<Node>;
  /** All buffers that it reads. */
  readonly arrays: Set<Node>;
  readonly operations: number;
}

function chooseStored(
  order: readonly Node[],
  must: ReadonlySet<Node>,
  view: (node: Node) => View,
  guess: ReadonlySet<Node>,
  { maxArrays }: Capabilities,
): Set<Node> {
  const users = loopsThatUse(order, must, view, guess);
  const decided = new Set(must);
  const expressions = new Map<Node, Expression>();
  for (const node of order) {
    if (!isPointwise(node)) continue;
    const expression = () =>
      expressionOf(node, view, (base) => (decided.has(base) ? undefined : expressions.get(base)));
    let { reads, arrays, operations } = expression();
    // A kernel binds at most `maxArrays` arrays, its result included: the operand that reads the most is stored.
    while (arrays.size >= maxArrays) {
      decided.add(
        largestPart(node, view, (base) =>
          decided.has(base) ? 0 : (expressions.get(base)?.arrays.size ?? 0),
        ),
      );
      ({ reads, arrays, operations } = expression());
    }
    expressions.set(node, { reads, arrays, operations });
    const loops = users.get(node);
    if (decided.has(node) || loops === undefined || loops.size <= 1) continue;
    if (operations > MAX_RECOMPUTED_OPERATIONS || !worthRecomputing(node, reads, loops, view, guess)) {
      decided.add(node);
    }
  }
  return decided;
}

/** @param inlined the expression of a node that has no buffer */
function expressionOf(
  node: Node,
  view: (node: Node) => View,
  inlined: (base: Node) => Expression | undefined,
): Expression {
  const reads = new Set<Node>();
  const arrays = new Set<Node>();
  let operations = 1;
  for (const source of node.inputs) {
    const { base } = view(source);
    const inner = inlined(base);
    if (inner === undefined) {
      arrays.add(base);
      if (numel(base.shape) === numel(node.shape)) reads.add(base);
    } else {
      for (const read of inner.reads) reads.add(read);
      for (const array of inner.arrays) arrays.add(array);
      operations += inner.operations;
    }
  }
  return { reads, arrays, operations };
}

/** The operand that reads the most arrays. */
function largestPart(node: Node, view: (node: Node) => View, arraysOf: (base: Node) => number): Node {
  const bases = node.inputs.map((source) => view(source).base);
  return bases.reduce((most, base) => (arraysOf(base) > arraysOf(most) ? base : most));
}

/** For each inlined pointwise node, the stored nodes whose loops compute it. */
function loopsThatUse(
  order: readonly Node[],
  must: ReadonlySet<Node>,
  view: (node: Node) => View,
  guess: ReadonlySet<Node>,
): Map<Node, Set<Node>> {
  const users = new Map<Node, Set<Node>>();
  for (const node of order.toReversed()) {
    if (isMovement(node)) continue;
    const loops =
      isPointwise(node) && !guess.has(node) ? (users.get(node) ?? new Set<Node>()) : new Set([node]);
    for (const source of node.inputs) {
      const { base } = view(source);
      if (must.has(base) || !isPointwise(base)) continue;
      const known = users.get(base) ?? new Set<Node>();
      for (const loop of loops) known.add(loop);
      users.set(base, known);
    }
  }
  return users;
}

/**
 * Compares full-size reads and writes. Storing costs one write, and a read per kernel; recomputing costs the reads
 * that each kernel does not already make.
 */
function worthRecomputing(
  node: Node,
  reads: ReadonlySet<Node>,
  loops: ReadonlySet<Node>,
  view: (node: Node) => View,
  guess: ReadonlySet<Node>,
): boolean {
  // Reductions over the same elements will share a kernel.
  const kernels = new Map<string, Set<Node>>();
  for (const loop of loops) {
    const { op } = loop;
    const key = op.kind === "reduce" ? `${loop.inputs[0].shape}|${op.axes}` : `${loop.id}`;
    const others = kernels.get(key) ?? new Set<Node>();
    collectReads(loop, node, view, guess, others);
    kernels.set(key, others);
  }
  let recomputing = 0;
  for (const others of kernels.values()) {
    for (const read of reads) if (!others.has(read)) recomputing++;
  }
  return recomputing <= 1 + kernels.size;
}

/** Buffers that `loop` reads on paths that avoid `without`. */
function collectReads(
  loop: Node,
  without: Node,
  view: (node: Node) => View,
  guess: ReadonlySet<Node>,
  into: Set<Node>,
): void {
  const seen = new Set<Node>([loop]);
  const stack = [loop];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const source of node.inputs) {
      const { base } = view(source);
      if (base === without || seen.has(base)) continue;
      seen.add(base);
      if (guess.has(base) || !isPointwise(base)) into.add(base);
      else stack.push(base);
    }
  }
}

interface Kernel {
  readonly step: LoopStep;
  readonly position: number;
  readonly cuts: Set<number>;
  readonly reads: Set<Node>;
}

function formSteps(
  order: readonly Node[],
  stored: ReadonlySet<Node>,
  view: (node: Node) => View,
  tails: ReadonlyMap<Node, Tail>,
  capabilities: Capabilities,
): Step[] {
  const steps: Step[] = [];
  const computedAt = new Map<Node, number>();
  const kernels: Kernel[] = [];
  const readers = new Map<Node, Kernel[]>();
  for (const node of order) {
    if (isLeaf(node)) computedAt.set(node, -1);
    if (isLeaf(node) || !stored.has(node)) continue;
    const tail = tails.get(node) ?? bareTail(node, capabilities);
    const { product } = tail;
    if (!isLoop(product) && !isMovement(product)) {
      computedAt.set(node, steps.length);
      steps.push(isAssembled(node) ? { kind: "assemble", node } : { kind: "primitive", node, ...tail });
      continue;
    }
    const cuts = boundaries(node.op.kind === "reduce" ? node.inputs[0].shape : node.shape);
    const { reads, whole, partial } = readsOf(node, stored, view, cuts);
    const kernel = isMovement(node)
      ? undefined
      : findKernel(node, { reads, whole, partial }, cuts, computedAt, readers, capabilities.maxArrays);
    if (kernel) {
      kernel.step.results.push(node);
      for (const cut of cuts) kernel.cuts.add(cut);
      for (const read of reads) kernel.reads.add(read);
      computedAt.set(node, kernel.position);
      register(readers, [...reads, node], kernel);
    } else {
      const created: Kernel = {
        step: { kind: "loop", results: [node] },
        position: steps.length,
        cuts,
        reads,
      };
      computedAt.set(node, steps.length);
      steps.push(created.step);
      kernels.push(created);
      if (!isMovement(node)) register(readers, [...reads, node], created);
    }
  }
  return steps;
}

function register(readers: Map<Node, Kernel[]>, nodes: readonly Node[], kernel: Kernel): void {
  for (const node of nodes) {
    const list = readers.get(node) ?? [];
    if (!list.includes(kernel)) list.push(kernel);
    readers.set(node, list);
  }
}

/**
 * Buffers that the loop of `node` reads: `whole` element for element, `partial` through other views. Adds the loop's
 * boundaries to `cuts`.
 */
function readsOf(
  node: Node,
  stored: ReadonlySet<Node>,
  view: (node: Node) => View,
  cuts: Set<number>,
): { reads: Set<Node>; whole: Set<Node>; partial: Set<Node> } {
  const reads = new Set<Node>();
  const whole = new Set<Node>();
  const partial = new Set<Node>();
  const seen = new Set<Node>();
  const visit = (inner: Node) => {
    for (const source of inner.inputs) {
      const read = view(source);
      if (stored.has(read.base)) {
        reads.add(read.base);
        if (isIdentity(read)) whole.add(read.base);
        else partial.add(read.base);
      } else if (!seen.has(read.base)) {
        seen.add(read.base);
        for (const cut of boundaries(read.base.shape)) cuts.add(cut);
        visit(read.base);
      }
    }
  };
  if (!isMovement(node)) visit(node);
  return { reads, whole, partial };
}

/**
 * The latest kernel over the same elements that reads or computes a full-size operand of `node` and may compute `node`
 * too.
 */
function findKernel(
  node: Node,
  { reads, whole, partial }: { [kind in "reads" | "whole" | "partial"]: ReadonlySet<Node> },
  cuts: ReadonlySet<number>,
  computedAt: ReadonlyMap<Node, number>,
  readers: ReadonlyMap<Node, Kernel[]>,
  maxArrays: number,
): Kernel | undefined {
  const candidates = new Set<Kernel>();
  for (const read of whole) for (const kernel of readers.get(read) ?? []) candidates.add(kernel);
  let best: Kernel | undefined;
  for (const kernel of candidates) {
    if (best !== undefined && kernel.position <= best.position) continue;
    if (!sameLoop(node, kernel.step.results[0])) continue;
    if (!isChain(new Set([...cuts, ...kernel.cuts]))) continue;
    if (new Set([...reads, ...kernel.reads, ...kernel.step.results, node]).size > maxArrays) continue;
    const ready = [...reads].every((read) => {
      const at = computedAt.get(read) ?? Number.POSITIVE_INFINITY;
      const computedHere = at === kernel.position && !partial.has(read) && read.op.kind !== "reduce";
      return at < kernel.position || computedHere;
    });
    if (ready) best = kernel;
  }
  return best;
}

function sameLoop(a: Node, b: Node): boolean {
  if (a.op.kind === "reduce" && b.op.kind === "reduce") {
    return sameShape(a.inputs[0].shape, b.inputs[0].shape) && sameShape(a.op.axes, b.op.axes);
  }
  const pointwise = (node: Node) => isPointwise(node) && node.op.kind !== "full";
  return pointwise(a) && pointwise(b) && numel(a.shape) === numel(b.shape);
}
