// Mixed precision (Micikevicius et al. 2018, arXiv 1710.03740): products read 16-bit operands and leave 16-bit results,
// everything else computes and sums in f32. The roundings are casts of the graph, so every backend computes the same.

import { type HalfType, makeNode, type Node, topologicalOrder } from "../graph.ts";
import { roleOf } from "../ops/roles.ts";
import { widened } from "../ops/widen.ts";
import { numel } from "../shape.ts";

/**
 * The same values with 16-bit storage around products. The values themselves, among them the gradients of parameters,
 * stay f32.
 */
export function halve(roots: readonly Node[], type: HalfType): Node[] {
  const order = topologicalOrder(roots).sort((a, b) => a.id - b.id);
  const rounded = roundedNodes(order, roots);
  const values = new Map<Node, Node>();
  const halves = new Map<Node, Node>();
  const found = (map: ReadonlyMap<Node, Node>, node: Node): Node => {
    const known = map.get(node);
    if (known === undefined) throw new Error(`${node.op.kind} comes after its user`);
    return known;
  };
  const cast = (node: Node): Node => makeNode({ kind: "cast", dtype: type }, [node], node.shape, type);
  for (const node of order) {
    const { op, inputs, shape } = node;
    // What moves or joins 16-bit values alone has 16 bits, too.
    const moves = roleOf(op) === "movement" || roleOf(op) === "assembled";
    if (moves && inputs.every((source) => halves.has(source))) {
      const half = makeNode(
        op,
        inputs.map((source) => found(halves, source)),
        shape,
        type,
      );
      halves.set(node, half);
      values.set(node, widened(half));
      continue;
    }
    const value =
      inputs.length === 0
        ? node
        : makeNode(
            op,
            inputs.map((source) => found(values, source)),
            shape,
            node.dtype,
          );
    if (rounded.has(node)) {
      const half = cast(value);
      halves.set(node, half);
      values.set(node, widened(half));
    } else {
      values.set(node, value);
    }
  }
  return roots.map((root) => found(values, root));
}

/** Whether an op is a product whose result is as large as an image, not as a parameter. */
const isProduct = ({ op }: Node): boolean =>
  op.kind === "conv2d" ||
  op.kind === "conv2dGradInput" ||
  op.kind === "matmul" ||
  op.kind === "attention" ||
  op.kind === "attentionGrad";

/** Whether an op reads operands that can have 16 bits. */
const readsHalves = (node: Node): boolean => isProduct(node) || node.op.kind === "conv2dGradFilter";

/** The nodes that are rounded. @param order inputs before users */
function roundedNodes(order: readonly Node[], roots: readonly Node[]): Set<Node> {
  const users = new Map<Node, Node[]>();
  for (const user of order) {
    for (const node of new Set(user.inputs)) users.set(node, [...(users.get(node) ?? []), user]);
  }
  const kept = new Set(roots.map(baseOf));
  const rounded = new Set<Node>();
  const add = (node: Node): void => {
    const base = baseOf(node);
    if (base.dtype !== "f32" || kept.has(base)) return;
    if (roleOf(base.op) === "assembled") base.inputs.forEach(add);
    else rounded.add(base);
  };
  for (const node of order) {
    if (isProduct(node)) add(sumOf(node, users));
    if (readsHalves(node)) node.inputs.forEach(add);
  }
  return rounded;
}

/** What a node is a view of. */
function baseOf(node: Node): Node {
  let base = node;
  while (roleOf(base.op) === "movement") [base] = base.inputs;
  return base;
}

/** What a product's kernel can write: the product, or its sum with what was there before and has no other user. */
function sumOf(product: Node, users: ReadonlyMap<Node, readonly Node[]>): Node {
  let sum = product;
  let node = product;
  for (;;) {
    const [user, ...others] = users.get(node) ?? [];
    if (user === undefined || others.length > 0 || numel(user.shape) !== numel(product.shape)) return sum;
    if (user.op.kind === "binary" && user.op.fn === "add") {
      if (!user.inputs.every((addend) => addend === node || canBeAdded(addend, product))) return sum;
      sum = user;
    } else if (roleOf(user.op) !== "movement") {
      return sum;
    }
    node = user;
  }
}

/** A vector (a bias, an embedding), or a value that is there before the product. */
function canBeAdded(addend: Node, product: Node): boolean {
  const base = baseOf(addend);
  return numel(base.shape) < numel(product.shape) || base.id < product.id;
}
