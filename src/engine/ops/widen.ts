// 16-bit storage: arithmetic is in f32, so what an op reads of f16 or bf16 is widened first.

import { isHalf, makeNode, type Node } from "../graph.ts";

/** The same values in f32 where they are stored in 16 bits; other nodes as they are. */
export const widened = (x: Node): Node =>
  isHalf(x.dtype) ? makeNode({ kind: "cast", dtype: "f32" }, [x], x.shape, "f32") : x;
