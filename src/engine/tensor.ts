// The engine's public face: a symbolic tensor. Methods build graph nodes; nothing is computed until a backend runs a
// compiled program.

import { gradients } from "./autodiff.ts";
import type { AttentionHeads, ConvOptions, DType, HalfType, Node } from "./graph.ts";
import * as graph from "./graph.ts";
import { attention } from "./ops/attention.ts";
import { conv2d } from "./ops/conv2d.ts";
import { gather } from "./ops/gather.ts";
import { matmul, transpose } from "./ops/matmul.ts";
import * as movement from "./ops/movement.ts";
import * as pointwise from "./ops/pointwise.ts";
import { randomNormal, randomUniform } from "./ops/random.ts";
import * as reduce from "./ops/reduce.ts";
import { halve } from "./passes/halve.ts";
import type { Shape } from "./shape.ts";

/** The other side of an operation: a tensor, broadcast as NumPy does, or a number. */
export type Operand = Tensor | number;
const nodeOf = (x: Operand): Node => (typeof x === "number" ? pointwise.scalar(x) : x.node);

/** A symbolic tensor: an expression without values yet. Methods build graphs, which a backend compiles and runs. */
export class Tensor {
  /** The expression: the same node for equal expressions. */
  readonly node: Node;

  constructor(node: Node) {
    this.node = node;
  }

  /** Length of each axis; [] for a scalar. */
  get shape(): Shape {
    return this.node.shape;
  }

  /** The type of its elements. */
  get dtype(): DType {
    return this.node.dtype;
  }

  // Arithmetic broadcasts by NumPy's rule; numbers are scalars.
  /** this + other, broadcast by NumPy's rule. */
  add(other: Operand): Tensor {
    return new Tensor(pointwise.add(this.node, nodeOf(other)));
  }
  /** this - other, broadcast. */
  sub(other: Operand): Tensor {
    return new Tensor(pointwise.sub(this.node, nodeOf(other)));
  }
  /** this · other, element by element, broadcast; the matrix product is `matmul`. */
  mul(other: Operand): Tensor {
    return new Tensor(pointwise.mul(this.node, nodeOf(other)));
  }
  /** this / other, broadcast. */
  div(other: Operand): Tensor {
    return new Tensor(pointwise.div(this.node, nodeOf(other)));
  }
  /** The larger of both, broadcast; where they are equal, the gradient goes to this one. */
  maximum(other: Operand): Tensor {
    return new Tensor(pointwise.maximum(this.node, nodeOf(other)));
  }
  /** The smaller of both, broadcast; where they are equal, the gradient goes to this one. */
  minimum(other: Operand): Tensor {
    return new Tensor(pointwise.minimum(this.node, nodeOf(other)));
  }
  /** 1 where this < other, else 0. */
  lessThan(other: Operand): Tensor {
    return new Tensor(pointwise.lessThan(this.node, nodeOf(other)));
  }
  /** `a` where this is not 0, else `b`. */
  where(a: Operand, b: Operand): Tensor {
    return new Tensor(pointwise.where(this.node, nodeOf(a), nodeOf(b)));
  }
  /** -x. */
  neg(): Tensor {
    return new Tensor(pointwise.neg(this.node));
  }
  /** eˣ. */
  exp(): Tensor {
    return new Tensor(pointwise.exp(this.node));
  }
  /** Natural logarithm. */
  log(): Tensor {
    return new Tensor(pointwise.log(this.node));
  }
  /** √x. */
  sqrt(): Tensor {
    return new Tensor(pointwise.sqrt(this.node));
  }
  /** x². */
  square(): Tensor {
    return this.mul(this);
  }
  /** Sine, of radians. */
  sin(): Tensor {
    return new Tensor(pointwise.sin(this.node));
  }
  /** Cosine, of radians. */
  cos(): Tensor {
    return new Tensor(pointwise.cos(this.node));
  }
  /** Hyperbolic tangent. */
  tanh(): Tensor {
    return new Tensor(pointwise.tanh(this.node));
  }
  /** The error function 2/√π ∫₀ˣ exp(-t²) dt. */
  erf(): Tensor {
    return new Tensor(pointwise.erf(this.node));
  }
  /** 1 / (1 + e⁻ˣ). */
  sigmoid(): Tensor {
    return new Tensor(pointwise.sigmoid(this.node));
  }
  /** |x|. */
  abs(): Tensor {
    return new Tensor(pointwise.abs(this.node));
  }
  /** The largest whole number that is at most x; without a gradient. */
  floor(): Tensor {
    return new Tensor(pointwise.floor(this.node));
  }
  /** 1 where this is a number, 0 where it is infinite or NaN; without a gradient. */
  isFinite(): Tensor {
    return new Tensor(pointwise.finite(this.node));
  }
  /**
   * The same numbers in another type; to i32 drops the fraction, to f16 or bf16 rounds. Gradients pass through
   * unchanged, but not to or from i32.
   */
  cast(dtype: DType = "f32"): Tensor {
    return new Tensor(pointwise.cast(this.node, dtype));
  }
  /** The same values; gradients stop here. */
  detach(): Tensor {
    return new Tensor(pointwise.detach(this.node));
  }

  /** The same elements, in the same order, in another shape of as many. @throws ShapeError */
  reshape(shape: Shape): Tensor {
    return new Tensor(movement.reshape(this.node, shape));
  }
  /** Axis i of the result is axis `axes[i]` of this. @throws ShapeError unless each axis is named once */
  permute(axes: readonly number[]): Tensor {
    return new Tensor(movement.permute(this.node, axes));
  }
  /** Swaps the last two axes. */
  transpose(): Tensor {
    return new Tensor(transpose(this.node));
  }
  /** Repeats to `shape` by NumPy's broadcasting rule. */
  broadcastTo(shape: Shape): Tensor {
    return new Tensor(pointwise.broadcastTo(this.node, shape));
  }
  /** The part of the given shape that begins at `begin`. @throws ShapeError where it leaves the tensor */
  slice(begin: readonly number[], shape: Shape): Tensor {
    return new Tensor(movement.slice(this.node, begin, shape));
  }
  /** Adds zeros to each axis: `before[i]` in front of it and `after[i]` behind it. */
  pad(before: readonly number[], after: readonly number[]): Tensor {
    return new Tensor(movement.pad(this.node, before, after));
  }
  /** Splits `axis` into equal parts. */
  split(parts: number, axis: number): Tensor[] {
    const at = axis < 0 ? axis + this.shape.length : axis;
    const size = this.shape[at] / parts;
    const shape = this.shape.with(at, size);
    return Array.from({ length: parts }, (_, i) =>
      this.slice(
        shape.map((_, a) => (a === at ? i * size : 0)),
        shape,
      ),
    );
  }

  /** Sum over some axes, by default all. @param keepDims keeps them with length 1 */
  sum(axes?: readonly number[], keepDims = false): Tensor {
    return new Tensor(reduce.sum(this.node, axes, keepDims));
  }
  /** Mean over some axes, by default all. @param keepDims keeps them with length 1 */
  mean(axes?: readonly number[], keepDims = false): Tensor {
    return new Tensor(reduce.mean(this.node, axes, keepDims));
  }
  /** Largest element over some axes, by default all. @param keepDims keeps them with length 1 */
  max(axes?: readonly number[], keepDims = false): Tensor {
    return new Tensor(reduce.max(this.node, axes, keepDims));
  }

  /** [..., M, K] x [..., K, N] -> [..., M, N]. */
  matmul(other: Tensor): Tensor {
    return new Tensor(matmul(this.node, other.node));
  }
  /** this [N,H,W,Ci] with filter [kh,kw,Ci,Co] -> [N,OH,OW,Co]. */
  conv2d(filter: Tensor, options: ConvOptions): Tensor {
    return new Tensor(conv2d(this.node, filter.node, options));
  }
  /** softmax(scale q k^T) v for each head; this is q, and q, k, v and the result are [N, T, C]. */
  attention(k: Tensor, v: Tensor, options: AttentionHeads): Tensor {
    return new Tensor(attention(this.node, k.node, v.node, options));
  }
  /** Rows of this table [V, D] by an i32 index [N] -> [N, D]. */
  gather(index: Tensor): Tensor {
    return new Tensor(gather(this.node, index.node));
  }
}

/** Concatenates tensors along `axis`. */
export const concat = (parts: readonly Tensor[], axis: number): Tensor =>
  new Tensor(
    movement.concat(
      parts.map((part) => part.node),
      axis,
    ),
  );

/** A tensor given at each run. */
export const input = (shape: Shape, dtype: DType = "f32", name = "input"): Tensor =>
  new Tensor(graph.input(shape, dtype, name));
/** A tensor that lives in the backend between runs. */
export const variable = (shape: Shape, name: string, dtype: DType = "f32"): Tensor =>
  new Tensor(graph.variable(shape, name, dtype));
/** Values known when the graph is built. */
export const constant = (data: Float32Array | Int32Array, shape: Shape): Tensor =>
  new Tensor(graph.constant(data, shape));
/** One value repeated. */
export const full = (value: number, shape: Shape): Tensor => new Tensor(graph.full(value, shape));
/**
 * Uniform numbers in [0, 1); key is i32 [seed low, seed high, step], `site` distinguishes the draws of one program.
 * With `imageBlocks` the key has a fourth word, the first image's index in the whole batch: see `randomUniform`.
 */
export const uniform = (key: Tensor, site: number, shape: Shape, imageBlocks?: number): Tensor =>
  new Tensor(randomUniform(key.node, site, shape, imageBlocks));
/** Standard normal numbers; the other arguments as for `uniform`. */
export const normal = (key: Tensor, site: number, shape: Shape, imageBlocks?: number): Tensor =>
  new Tensor(randomNormal(key.node, site, shape, imageBlocks));

/** Gradients of a scalar loss, one for each tensor of `wrt` and in its shape. */
export function grad(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  return gradients(
    loss.node,
    wrt.map((x) => x.node),
  ).map((node) => new Tensor(node));
}

/**
 * The same values, computed with 16-bit operands and results of products, such as activations and copies of weights;
 * sums, and the given values themselves, stay f32. For a loss and its gradients give all of them at once.
 */
export const withHalves = (values: readonly Tensor[], type: HalfType): Tensor[] =>
  halve(
    values.map(({ node }) => node),
    type,
  ).map((node) => new Tensor(node));
