// 16-bit storage: arithmetic is in f32, so ops widen f16 and bf16 operands first.

import { isHalf, makeNode, type Node } from "../graph.ts";

/** f16 and bf16 nodes widened to f32; other nodes unchanged. */
export const widened = (x: Node): Node =>
  isHalf(x.dtype) ? makeNode({ kind: "cast", dtype: "f32" }, [x], x.shape, "f32") : x;
