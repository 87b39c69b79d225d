// What a convolution or matrix product's kernel does while it reads and writes. It widens 16-bit inputs. To its result
// it adds a bias along the last axis, and either a tensor of the result's shape (a block's residual, or the gradient from
// another branch) or one vector per image (the time embedding). Then it may round to 16 bits.

import type { Capabilities } from "../capabilities.ts";
import { isHalf, type Node } from "../graph.ts";
import { roleOf } from "../ops/roles.ts";
import { numel, sameShape } from "../shape.ts";
import { isContiguous, isIdentity, type View } from "./view.ts";

export interface Tail {
  /** The op whose result is added to. */
  readonly product: Node;
  /** What the kernel reads for the op's inputs: these, or what they widen. */
  readonly inputs: readonly Node[];
  /** Added along the last axis [C], or null. */
  readonly bias: Node | null;
  /** Added after the bias, or null: element for element, or the same [N, C] at every pixel of an image. */
  readonly residual: Node | null;
}

/** The operands of a product and its tail, in the order of the kernel's inputs. */
export const sourcesOf = ({ inputs, bias, residual }: Tail): Node[] =>
  [...inputs, bias, residual].filter((source) => source !== null);

/** What a node widens from 16 bits; the node itself, if it widens nothing. */
const unwidened = (node: Node): Node =>
  node.op.kind === "cast" && isHalf(node.inputs[0].dtype) ? node.inputs[0] : node;

/** A product with nothing added. */
export const bareTail = (product: Node, { takesHalves }: Capabilities): Tail => ({
  product,
  inputs: takesHalves(product.op) ? product.inputs.map(unwidened) : product.inputs,
  bias: null,
  residual: null,
});

interface Context {
  readonly roots: readonly Node[];
  readonly view: (node: Node) => View;
  /** The nodes that have a buffer; changed here. */
  readonly stored: Set<Node>;
  readonly capabilities: Capabilities;
}

/**
 * The sums that a product's kernel computes. The product, or its sum with a bias, has no other use, so it loses its
 * buffer to the final sum.
 */
export function findTails(
  order: readonly Node[],
  { roots, view, stored, capabilities }: Context,
): Map<Node, Tail> {
  const uses = new Map<Node, number>();
  for (const node of [...order.flatMap((user) => user.inputs), ...roots])
    uses.set(node, (uses.get(node) ?? 0) + 1);
  const tails = new Map<Node, Tail>();

  /** The node that `node` is a view of, in whole, when neither has another use; otherwise null. */
  const usedHereOnly = (node: Node): Node | null => {
    const read = view(node);
    if (!isIdentity(read)) return null;
    let inner = node;
    while (uses.get(inner) === 1 && inner !== read.base) inner = inner.inputs[0];
    return uses.get(inner) === 1 ? inner : null;
  };
  const replace = (inner: Node, end: Node, tail: Tail): void => {
    tails.set(end, tail);
    stored.delete(inner);
    stored.add(end);
  };
  const join = (sum: Node, addend: Node, given: Node): boolean => {
    const inner = usedHereOnly(addend);
    if (inner === null) return false;
    const before = tails.get(inner) ?? bareTail(inner, capabilities);
    const can = capabilities.tail(before.product);
    const other = capabilities.takesHalves(before.product.op) ? unwidened(given) : given;
    const read = view(other);
    const takesBias = can.bias && inner === before.product && inner === addend;
    const takesResidual =
      before.residual === null &&
      can.residual &&
      (isContiguous(read) || (can.perImage && isPerImage(before, read)));
    if (takesBias && isVector(read)) {
      replace(inner, sum, { ...before, bias: other });
    } else if (takesResidual && stored.has(read.base)) {
      replace(inner, sum, { ...before, residual: other });
    } else {
      return false;
    }
    return true;
  };
  const round = (rounded: Node): void => {
    const inner = usedHereOnly(rounded.inputs[0]);
    if (inner === null || (roleOf(inner.op) !== "primitive" && !tails.has(inner))) return;
    const before = tails.get(inner) ?? bareTail(inner, capabilities);
    if (capabilities.takesHalves(before.product.op)) replace(inner, rounded, before);
  };

  for (const node of order) {
    if (node.op.kind === "cast" && isHalf(node.dtype)) round(node);
    if (node.op.kind !== "binary" || node.op.fn !== "add") continue;
    // Of two products the later one adds the other: this frees its factors sooner.
    const [late, early] = node.inputs.toSorted((a, b) => b.id - a.id);
    join(node, late, early) || join(node, early, late);
  }
  return tails;
}

/** Whether a view has the same vector [C] at every pixel of an image. */
function isPerImage({ product: { shape } }: Tail, read: View): boolean {
  const channels = shape[shape.length - 1];
  const [image, ...others] = read.strides;
  return (
    read.offset === 0 &&
    (shape[0] === 1 || image === channels) &&
    sameShape(others, [0, 0, 1]) &&
    sameShape(read.shape, shape)
  );
}

/** Whether a view repeats a vector along its last axis. */
function isVector({ base, strides, offset, shape }: View): boolean {
  const last = shape.length - 1;
  return (
    offset === 0 &&
    numel(base.shape) === shape[last] &&
    strides.every((s, axis) => s === (axis === last ? 1 : 0))
  );
}
