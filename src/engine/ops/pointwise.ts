// Pointwise ops: each element of the result depends on the same element of the inputs.
// For each op: shape rule, gradient (vjp: what the inputs receive for the result's gradient g), reference meaning.

import { type BinaryFn, type DType, full, isHalf, makeNode, type Node, type UnaryFn } from "../graph.ts";
import { bfloat16ToFloat32, float32ToBfloat16, float32ToHalf, halfToFloat32 } from "../half.ts";
import * as exact from "../math/index.ts";
import { broadcastShapes, ShapeError, sameShape, showShape } from "../shape.ts";
import { expand, reshape } from "./movement.ts";
import { widened } from "./widen.ts";

/** Operands widened to f32. @throws ShapeError for integers */
function floats(what: string, ...nodes: Node[]): Node[] {
  return nodes.map((node) => {
    if (node.dtype === "i32") throw new ShapeError(`${what}: wants f32, got i32; cast it first`);
    return widened(node);
  });
}

/** Repeats `x` to `shape` by NumPy's rule (leading axes are added). */
export function broadcastTo(x: Node, shape: readonly number[]): Node {
  if (sameShape(x.shape, shape)) return x;
  const aligned = [...new Array<number>(shape.length - x.shape.length).fill(1), ...x.shape];
  return expand(reshape(x, aligned), shape);
}

export function unary(fn: UnaryFn, x: Node): Node {
  return makeNode({ kind: "unary", fn }, floats(fn, x), x.shape, "f32");
}

function binary(fn: BinaryFn, left: Node, right: Node): Node {
  const [a, b] = floats(fn, left, right);
  const shape = broadcastShapes(fn, a.shape, b.shape);
  const simple = simplify(fn, a, b);
  if (simple !== null) return broadcastTo(simple, shape);
  return makeNode({ kind: "binary", fn }, [broadcastTo(a, shape), broadcastTo(b, shape)], shape, "f32");
}

/** Simplifies 0 + x, x - 0, 1 * x, x / 1 and arithmetic on two constants; null for anything else. */
function simplify(fn: BinaryFn, a: Node, b: Node): Node | null {
  const left = a.op.kind === "full" ? a.op.value : null;
  const right = b.op.kind === "full" ? b.op.value : null;
  if (left !== null && right !== null) return scalar(Math.fround(binaryMeaning[fn](left, right)));
  if (fn === "add" && left === 0) return b;
  if ((fn === "add" || fn === "sub") && right === 0) return a;
  if (fn === "mul" && left === 1) return b;
  if ((fn === "mul" || fn === "div") && right === 1) return a;
  return null;
}

/** `condition` != 0 ? a : b. */
export function where(condition: Node, a: Node, b: Node): Node {
  const operands = floats("where", condition, a, b);
  const shape = broadcastShapes("where", condition.shape, broadcastShapes("where", a.shape, b.shape));
  const inputs = operands.map((node) => broadcastTo(node, shape));
  return makeNode({ kind: "where" }, inputs, shape, "f32");
}

/**
 * The same numbers in another type: to i32 drops the fraction, to f16 and bf16 rounds to nearest. Gradients pass
 * through unchanged, but not to or from integers.
 */
export function cast(x: Node, dtype: DType = "f32"): Node {
  if (x.dtype === dtype) return x;
  // Other conversions go by way of f32.
  const source = x.dtype === "f32" || dtype === "f32" ? x : cast(x, "f32");
  return makeNode({ kind: "cast", dtype }, [source], x.shape, dtype);
}

export const castVjp = (y: Node, x: Node, g: Node): Node | null =>
  y.dtype === "i32" || x.dtype === "i32" ? null : g;

export function castReference(dtype: DType, x: Float64Array): Float64Array {
  return dtype === "i32" ? x.map(Math.trunc) : isHalf(dtype) ? rounded(x, dtype) : x;
}

/** Rounds to 16 bits by way of f32, as kernels do. */
function rounded(x: Float64Array, dtype: "f16" | "bf16"): Float64Array {
  const single = Float32Array.from(x);
  return Float64Array.from(
    dtype === "f16" ? halfToFloat32(float32ToHalf(single)) : bfloat16ToFloat32(float32ToBfloat16(single)),
  );
}

/** The same values; gradients stop here. */
export function detach(x: Node): Node {
  return makeNode({ kind: "detach" }, [x], x.shape, x.dtype);
}

export const neg = (x: Node) => unary("neg", x);
export const exp = (x: Node) => unary("exp", x);
export const log = (x: Node) => unary("log", x);
export const sqrt = (x: Node) => unary("sqrt", x);
export const sin = (x: Node) => unary("sin", x);
export const cos = (x: Node) => unary("cos", x);
export const tanh = (x: Node) => unary("tanh", x);
export const erf = (x: Node) => unary("erf", x);
export const sigmoid = (x: Node) => unary("sigmoid", x);
export const abs = (x: Node) => unary("abs", x);
export const floor = (x: Node) => unary("floor", x);
export const finite = (x: Node) => unary("isFinite", x);
export const add = (a: Node, b: Node) => binary("add", a, b);
export const sub = (a: Node, b: Node) => binary("sub", a, b);
export const mul = (a: Node, b: Node) => binary("mul", a, b);
export const div = (a: Node, b: Node) => binary("div", a, b);
export const maximum = (a: Node, b: Node) => binary("max", a, b);
export const minimum = (a: Node, b: Node) => binary("min", a, b);
export const lessThan = (a: Node, b: Node) => binary("lessThan", a, b);
/** A scalar that broadcasts against anything. */
export const scalar = (value: number) => full(value, []);

export function unaryVjp(fn: UnaryFn, y: Node, x: Node, g: Node): Node | null {
  switch (fn) {
    case "neg":
      return neg(g);
    case "exp":
      return mul(g, y);
    case "log":
      return div(g, x);
    case "sqrt":
      return div(mul(g, scalar(0.5)), y);
    case "sin":
      return mul(g, cos(x));
    case "cos":
      return neg(mul(g, sin(x)));
    case "tanh":
      return mul(g, sub(scalar(1), mul(y, y)));
    case "erf":
      return mul(mul(g, scalar(2 / Math.sqrt(Math.PI))), exp(neg(mul(x, x))));
    case "sigmoid":
      return mul(g, mul(y, sub(scalar(1), y)));
    case "abs":
      return where(lessThan(x, scalar(0)), neg(g), where(lessThan(scalar(0), x), g, scalar(0)));
    case "floor":
    case "isFinite":
      return null;
    default:
      return fn satisfies never;
  }
}

export function binaryVjp(fn: BinaryFn, y: Node, a: Node, b: Node, g: Node): [Node | null, Node | null] {
  switch (fn) {
    case "add":
      return [g, g];
    case "sub":
      return [g, neg(g)];
    case "mul":
      return [mul(g, b), mul(g, a)];
    case "div":
      return [div(g, b), neg(div(mul(g, y), b))];
    case "max":
      return [where(lessThan(a, b), scalar(0), g), where(lessThan(a, b), g, scalar(0))];
    case "min":
      return [where(lessThan(b, a), scalar(0), g), where(lessThan(b, a), g, scalar(0))];
    case "lessThan":
      return [null, null];
    default:
      return fn satisfies never;
  }
}

export function whereVjp(condition: Node, g: Node): [null, Node, Node] {
  return [null, where(condition, g, scalar(0)), where(condition, scalar(0), g)];
}

const unaryMeaning: Record<UnaryFn, (x: number) => number> = {
  neg: (x) => -x,
  exp: exact.exp,
  log: exact.log,
  sqrt: Math.sqrt,
  sin: exact.sin,
  cos: exact.cos,
  tanh: exact.tanh,
  erf: erfReference,
  sigmoid: (x) => 1 / (1 + exact.exp(-x)),
  abs: Math.abs,
  floor: Math.floor,
  isFinite: (x) => (Number.isFinite(Math.fround(x)) ? 1 : 0),
};

const binaryMeaning: Record<BinaryFn, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  max: Math.max,
  min: Math.min,
  lessThan: (a, b) => (a < b ? 1 : 0),
};

export const unaryReference = (fn: UnaryFn, x: Float64Array): Float64Array => x.map(unaryMeaning[fn]);

export function binaryReference(fn: BinaryFn, a: Float64Array, b: Float64Array): Float64Array {
  const meaning = binaryMeaning[fn];
  return a.map((value, i) => meaning(value, b[i]));
}

export function whereReference(condition: Float64Array, a: Float64Array, b: Float64Array): Float64Array {
  return condition.map((value, i) => (value !== 0 ? a[i] : b[i]));
}

/** erf in float64: Taylor series near 0, continued fraction of erfc (Lentz) beyond; both to about 1e-15. */
function erfReference(x: number): number {
  const z = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (z > 6) return Math.sign(x);
  if (z < 2.5) {
    let term = z;
    let sum = z;
    for (let n = 1; n < 100 && Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-z * z) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let k = 80; k > 0; k--) fraction = k / 2 / (z + fraction);
  return Math.sign(x) * (1 - exact.exp(-z * z) / (Math.sqrt(Math.PI) * (z + fraction)));
}

/** Shown in errors and profiles. */
export function describe(node: Node): string {
  const op = node.op;
  const detail = op.kind === "unary" || op.kind === "binary" ? op.fn : op.kind;
  return `${detail}${showShape(node.shape)}`;
}
