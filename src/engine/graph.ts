// The graph: immutable, hash-consed nodes. Equal expressions are one node, so common work is done once.
// Each op's shape rule, gradient and reference meaning are together in ops/.

import type { Shape } from "./shape.ts";
import { numel, ShapeError, showShape } from "./shape.ts";

/**
 * f32 holds values; i32 holds timesteps, class labels and random keys. f16 (IEEE binary16) and bf16 (the upper half of
 * an f32) store values in half the memory: they widen to f32 when read and round to nearest, ties to even, when
 * written.
 */
export type DType = "f32" | "i32" | "f16" | "bf16";
/** Element types that store values in 16 bits. */
export type HalfType = "f16" | "bf16";
/** Floating-point element types. */
export type FloatType = "f32" | HalfType;

/** Bytes of an element. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = { f32: 4, i32: 4, f16: 2, bf16: 2 };

export const isHalf = (dtype: DType): dtype is HalfType => dtype === "f16" || dtype === "bf16";

export type UnaryFn =
  | "neg"
  | "exp"
  | "log"
  | "sqrt"
  | "sin"
  | "cos"
  | "tanh"
  | "erf"
  | "sigmoid"
  | "abs"
  | "floor"
  | "isFinite";
export type BinaryFn = "add" | "sub" | "mul" | "div" | "max" | "min" | "lessThan";
export type ReduceFn = "sum" | "max";

/** Zero padding of an image's edges, in pixels: [top, bottom, left, right]. */
export type Padding = readonly [top: number, bottom: number, left: number, right: number];
/** Stride and padding of a 2-D convolution. */
export interface ConvOptions {
  /** Pixels from one position of the filter to the next. */
  readonly stride: readonly [vertical: number, horizontal: number];
  /** Zeros around the image, in pixels. */
  readonly padding: Padding;
}

/** The number of heads of attention, and the factor of the scores before the softmax (positive). */
export interface AttentionHeads {
  /** A divisor of the channels. */
  readonly heads: number;
  /** Usually 1 / √(channels of a head). */
  readonly scale: number;
}

/** Every primitive. Anything else (group norm, an activation, a UNet) is composed of these. */
export type Op =
  | { readonly kind: "input"; readonly name: string }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "constant"; readonly data: Float32Array | Int32Array }
  | { readonly kind: "full"; readonly value: number }
  | { readonly kind: "cast"; readonly dtype: DType }
  | { readonly kind: "detach" }
  | { readonly kind: "unary"; readonly fn: UnaryFn }
  | { readonly kind: "binary"; readonly fn: BinaryFn }
  | { readonly kind: "where" }
  | { readonly kind: "reshape" }
  | { readonly kind: "permute"; readonly axes: readonly number[] }
  | { readonly kind: "expand" }
  | { readonly kind: "slice"; readonly begin: readonly number[] }
  | { readonly kind: "pad"; readonly before: readonly number[]; readonly after: readonly number[] }
  | { readonly kind: "concat"; readonly axis: number }
  | { readonly kind: "reduce"; readonly fn: ReduceFn; readonly axes: readonly number[] }
  | { readonly kind: "matmul" }
  | ({ readonly kind: "conv2d" } & ConvOptions)
  | ({ readonly kind: "conv2dGradInput" } & ConvOptions)
  | ({ readonly kind: "conv2dGradFilter" } & ConvOptions)
  | ({ readonly kind: "attention" } & AttentionHeads)
  | ({ readonly kind: "attentionGrad" } & AttentionHeads)
  | { readonly kind: "gather" }
  | { readonly kind: "scatterAdd" }
  | {
      readonly kind: "random";
      readonly distribution: "uniform" | "normal";
      readonly site: number;
      /** For draws of part of a batch: blocks of four numbers per image. */
      readonly imageBlocks?: number;
    };

export type OpKind = Op["kind"];
export type OpOf<K extends OpKind> = Extract<Op, { kind: K }>;

export interface Node {
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Node[];
  readonly shape: Shape;
  readonly dtype: DType;
}

let nextId = 0;
const interned = new Map<string, WeakRef<Node>>();
const forget = new FinalizationRegistry<string>((key) => {
  if (interned.get(key)?.deref() === undefined) interned.delete(key);
});

/** Leaves carry identity or bulk data, so they are never merged. */
const isUnique = (op: Op) => op.kind === "input" || op.kind === "variable" || op.kind === "constant";

/**
 * Makes every node. Shapes are checked by the op's builder in ops/.
 * @throws ShapeError when a size is not a positive integer.
 */
export function makeNode(op: Op, inputs: readonly Node[], shape: Shape, dtype: DType): Node {
  if (!shape.every((size) => Number.isInteger(size) && size > 0)) {
    throw new ShapeError(`${op.kind}: every size must be a positive integer, got ${showShape(shape)}`);
  }
  if (isUnique(op)) return { id: nextId++, op, inputs, shape, dtype };
  const key = `${JSON.stringify(op)}|${inputs.map((node) => node.id).join(",")}|${shape.join(",")}|${dtype}`;
  const known = interned.get(key)?.deref();
  if (known) return known;
  const node: Node = { id: nextId++, op, inputs, shape, dtype };
  interned.set(key, new WeakRef(node));
  forget.register(node, key);
  return node;
}

/** A tensor given anew at each run. */
export function input(shape: Shape, dtype: DType = "f32", name = "input"): Node {
  return makeNode({ kind: "input", name }, [], shape, dtype);
}

/** A tensor that lives in the backend between runs (a weight, an optimizer moment). */
export function variable(shape: Shape, name: string, dtype: DType = "f32"): Node {
  return makeNode({ kind: "variable", name }, [], shape, dtype);
}

/** Values known when the graph is built. The array is not copied. @throws ShapeError on a wrong length. */
export function constant(data: Float32Array | Int32Array, shape: Shape): Node {
  if (data.length !== numel(shape)) {
    throw new ShapeError(`constant: ${data.length} values do not fill the shape ${showShape(shape)}`);
  }
  return makeNode({ kind: "constant", data }, [], shape, data instanceof Int32Array ? "i32" : "f32");
}

/** One f32 value repeated. */
export function full(value: number, shape: Shape): Node {
  // JSON has no NaN, infinities or -0, so they would share a key with null and 0.
  if (!Number.isFinite(value) || Object.is(value, -0))
    return constant(new Float32Array(numel(shape)).fill(value), shape);
  return makeNode({ kind: "full", value }, [], shape, "f32");
}

/** Every node that `roots` depend on, inputs before users. Iterative: graphs are thousands of nodes deep. */
export function topologicalOrder(roots: readonly Node[]): Node[] {
  const order: Node[] = [];
  const visited = new Set<Node>();
  const stack: { node: Node; next: number }[] = [];
  for (const root of roots) {
    if (visited.has(root)) continue;
    visited.add(root);
    stack.push({ node: root, next: 0 });
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next === top.node.inputs.length) {
        order.push(top.node);
        stack.pop();
        continue;
      }
      const child = top.node.inputs[top.next++];
      if (!visited.has(child)) {
        visited.add(child);
        stack.push({ node: child, next: 0 });
      }
    }
  }
  return order;
}
