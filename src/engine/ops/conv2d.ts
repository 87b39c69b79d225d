// 2-D convolution and its two gradients. Images are NHWC, filters are [kh, kw, in, out] (HWIO).
// The three are each other's gradients, so derivatives of any order exist.

import { type ConvOptions, makeNode, type Node } from "../graph.ts";
import { numel, type Shape, ShapeError, showShape } from "../shape.ts";
import { widened } from "./widen.ts";

/** The sizes that describe one convolution, whichever of the three is computed. */
export interface ConvGeometry extends ConvOptions {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly ci: number;
  readonly kh: number;
  readonly kw: number;
  readonly oh: number;
  readonly ow: number;
  readonly co: number;
}

function requireRank4(what: string, ...nodes: Node[]): void {
  if (nodes.some((node) => node.shape.length !== 4 || node.dtype !== "f32")) {
    const given = nodes.map((node) => `${node.dtype}${showShape(node.shape)}`).join(" and ");
    throw new ShapeError(`${what}: wants two f32 tensors of rank 4, got ${given}`);
  }
}

/** Rows and columns that a filter [kh, kw] finds place at in an image [h, w]; below 1 where it fits nowhere. */
export function outputSize(
  [h, w]: readonly [number, number],
  [kh, kw]: readonly [number, number],
  { stride, padding: [top, bottom, left, right] }: ConvOptions,
): [oh: number, ow: number] {
  return [
    Math.floor((h + top + bottom - kh) / stride[0]) + 1,
    Math.floor((w + left + right - kw) / stride[1]) + 1,
  ];
}

function options(op: ConvOptions): ConvOptions {
  return { stride: [...op.stride], padding: [...op.padding] };
}

/** x [N,H,W,Ci], filter [kh,kw,Ci,Co] -> [N,OH,OW,Co]. @throws ShapeError if channels differ or nothing is left. */
export function conv2d(image: Node, filters: Node, op: ConvOptions): Node {
  const [x, filter] = [widened(image), widened(filters)];
  requireRank4("conv2d", x, filter);
  const [n, h, w, ci] = x.shape;
  const [kh, kw, filterIn, co] = filter.shape;
  if (ci !== filterIn) {
    throw new ShapeError(
      `conv2d: image has ${ci} channels, filter ${showShape(filter.shape)} wants ${filterIn}`,
    );
  }
  const [oh, ow] = outputSize([h, w], [kh, kw], op);
  if (oh < 1 || ow < 1) {
    throw new ShapeError(
      `conv2d: a ${kh}x${kw} filter does not fit an image of ${h}x${w} with padding [${op.padding}]`,
    );
  }
  return makeNode({ kind: "conv2d", ...options(op) }, [x, filter], [n, oh, ow, co], "f32");
}

/** Gradient with respect to the image: g [N,OH,OW,Co], filter [kh,kw,Ci,Co] -> [N,H,W,Ci]. */
export function conv2dGradInput(g: Node, filter: Node, inputShape: Shape, op: ConvOptions): Node {
  requireRank4("conv2dGradInput", g, filter);
  return makeNode({ kind: "conv2dGradInput", ...options(op) }, [g, filter], inputShape, "f32");
}

/** Gradient with respect to the filter: x [N,H,W,Ci], g [N,OH,OW,Co] -> [kh,kw,Ci,Co]. */
export function conv2dGradFilter(x: Node, g: Node, filterShape: Shape, op: ConvOptions): Node {
  requireRank4("conv2dGradFilter", x, g);
  return makeNode({ kind: "conv2dGradFilter", ...options(op) }, [x, g], filterShape, "f32");
}

/** Sizes from the three shapes. */
export function geometry(x: Shape, filter: Shape, y: Shape, op: ConvOptions): ConvGeometry {
  const [n, h, w, ci] = x;
  const [kh, kw, , co] = filter;
  const [, oh, ow] = y;
  return { n, h, w, ci, kh, kw, oh, ow, co, stride: op.stride, padding: op.padding };
}

export function conv2dVjp(op: ConvOptions, x: Node, filter: Node, g: Node): [Node, Node] {
  return [conv2dGradInput(g, filter, x.shape, op), conv2dGradFilter(x, g, filter.shape, op)];
}

/** y = gradInput(dy, filter) is linear in both; u is the gradient of y. */
export function conv2dGradInputVjp(op: ConvOptions, dy: Node, filter: Node, u: Node): [Node, Node] {
  return [conv2d(u, filter, op), conv2dGradFilter(u, dy, filter.shape, op)];
}

/** y = gradFilter(x, dy) is linear in both; u is the gradient of y. */
export function conv2dGradFilterVjp(op: ConvOptions, x: Node, dy: Node, u: Node): [Node, Node] {
  return [conv2dGradInput(dy, u, x.shape, op), conv2d(x, u, op)];
}

/** Calls `visit` for every product of the convolution's sum, with flat offsets into image, filter and output. */
function forEachProduct(c: ConvGeometry, visit: (x: number, filter: number, y: number) => void): void {
  for (let n = 0; n < c.n; n++) {
    for (let oy = 0; oy < c.oh; oy++) {
      for (let ox = 0; ox < c.ow; ox++) {
        for (let ky = 0; ky < c.kh; ky++) {
          for (let kx = 0; kx < c.kw; kx++) {
            const iy = oy * c.stride[0] + ky - c.padding[0];
            const ix = ox * c.stride[1] + kx - c.padding[2];
            if (iy < 0 || iy >= c.h || ix < 0 || ix >= c.w) continue;
            const pixel = ((n * c.h + iy) * c.w + ix) * c.ci;
            const tap = (ky * c.kw + kx) * c.ci;
            const out = ((n * c.oh + oy) * c.ow + ox) * c.co;
            for (let i = 0; i < c.ci; i++) {
              for (let o = 0; o < c.co; o++) visit(pixel + i, (tap + i) * c.co + o, out + o);
            }
          }
        }
      }
    }
  }
}

export function conv2dReference(
  op: ConvOptions,
  y: Node,
  x: Float64Array,
  filter: Float64Array,
): Float64Array {
  const out = new Float64Array(numel(y.shape));
  forEachProduct(geometry(y.inputs[0].shape, y.inputs[1].shape, y.shape, op), (i, f, o) => {
    out[o] += x[i] * filter[f];
  });
  return out;
}

export function conv2dGradInputReference(op: ConvOptions, dx: Node, dy: Float64Array, filter: Float64Array) {
  const out = new Float64Array(numel(dx.shape));
  forEachProduct(geometry(dx.shape, dx.inputs[1].shape, dx.inputs[0].shape, op), (i, f, o) => {
    out[i] += dy[o] * filter[f];
  });
  return out;
}

export function conv2dGradFilterReference(op: ConvOptions, dw: Node, x: Float64Array, dy: Float64Array) {
  const out = new Float64Array(numel(dw.shape));
  forEachProduct(geometry(dw.inputs[0].shape, dw.shape, dw.inputs[1].shape, op), (i, f, o) => {
    out[f] += x[i] * dy[o];
  });
  return out;
}
