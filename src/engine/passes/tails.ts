// What the kernel of a convolution or matrix product adds while it writes its result: a bias along the last axis, and a
// tensor of the result's shape (the residual of a block, or the gradient that comes from another branch) or one vector for
// each image (the time embedding).

import type { Capabilities } from "../capabilities.ts";
import type { Node } from "../graph.ts";
import { numel, sameShape } from "../shape.ts";
import { isContiguous, isIdentity, type View } from "./view.ts";

export interface Tail {
  /** The op that computes what is added to. */
  readonly product: Node;
  /** What is added along the last axis [C], or null. */
  readonly bias: Node | null;
  /** What is then added, or null: element for element, or the same [N, C] at every pixel of an image. */
  readonly residual: Node | null;
}

/** What a product and its tail read, in the order of the kernel's inputs. */
export const sourcesOf = ({ product, bias, residual }: Tail): Node[] =>
  [...product.inputs, bias, residual].filter((source) => source !== null);

interface Context {
  readonly roots: readonly Node[];
  readonly view: (node: Node) => View;
  /** What has a buffer; changed here. */
  readonly stored: Set<Node>;
  readonly capabilities: Capabilities;
}

/**
 * Sums that the kernel of a product computes. Products, and sums with a bias that a residual is added to, are used for
 * nothing else: they lose their place among the stored to the sum that follows.
 */
export function findTails(
  order: readonly Node[],
  { roots, view, stored, capabilities }: Context,
): Map<Node, Tail> {
  const uses = new Map<Node, number>();
  for (const node of [...order.flatMap((user) => user.inputs), ...roots])
    uses.set(node, (uses.get(node) ?? 0) + 1);
  const tails = new Map<Node, Tail>();

  /** The node that `node` is the whole of, perhaps in another shape, when nothing else uses either. */
  const usedHereOnly = (node: Node): Node | null => {
    const read = view(node);
    if (!isIdentity(read)) return null;
    let inner = node;
    while (uses.get(inner) === 1 && inner !== read.base) inner = inner.inputs[0];
    return uses.get(inner) === 1 ? inner : null;
  };
  const join = (sum: Node, addend: Node, other: Node): boolean => {
    const inner = usedHereOnly(addend);
    if (inner === null) return false;
    const read = view(other);
    const before = tails.get(inner) ?? { product: inner, bias: null, residual: null };
    const can = capabilities.tail(before.product);
    const takesBias = can.bias && inner === before.product && inner === addend;
    const takesResidual =
      before.residual === null &&
      can.residual &&
      (isContiguous(read) || (can.perImage && isPerImage(before, read)));
    if (takesBias && isVector(read)) {
      tails.set(sum, { ...before, bias: other });
    } else if (takesResidual && stored.has(read.base)) {
      tails.set(sum, { ...before, residual: other });
    } else {
      return false;
    }
    stored.delete(inner);
    stored.add(sum);
    return true;
  };

  for (const node of order) {
    if (node.op.kind !== "binary" || node.op.fn !== "add") continue;
    // Of two products the later one adds: its factors are kept for the sum no longer than need be.
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
