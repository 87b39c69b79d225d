// Random numbers inside a program: Philox 4x32-10, keyed by (seed, step) and a site number, so the same run draws the
// same numbers on every backend and for any number of threads.
// Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".

import { makeNode, type Node, type OpOf } from "../graph.ts";
import { philoxNormal, philoxUniform } from "../random/philox.ts";
import { numel, type Shape, ShapeError, showShape } from "../shape.ts";

type Distribution = OpOf<"random">["distribution"];

function random(
  distribution: Distribution,
  key: Node,
  site: number,
  shape: Shape,
  imageBlocks?: number,
): Node {
  const words =
    imageBlocks === undefined ? "[3] (seed low, seed high, step)" : "[4] (.., the first image's place)";
  const length = imageBlocks === undefined ? 3 : 4;
  if (key.dtype !== "i32" || key.shape.length !== 1 || key.shape[0] !== length) {
    throw new ShapeError(`random: wants an i32 key ${words}, got ${key.dtype}${showShape(key.shape)}`);
  }
  const part = imageBlocks === undefined ? {} : { imageBlocks };
  return makeNode({ kind: "random", distribution, site, ...part }, [key], shape, "f32");
}

/**
 * Uniform in [0, 1) with 24 bits. `site` distinguishes the draws of one program. With `imageBlocks` (blocks of four
 * numbers per image), the draws are those of the whole batch, starting at the image that the key's fourth word names.
 */
export const randomUniform = (key: Node, site: number, shape: Shape, imageBlocks?: number) =>
  random("uniform", key, site, shape, imageBlocks);
/** Standard normal (Box-Muller); see `randomUniform`. */
export const randomNormal = (key: Node, site: number, shape: Shape, imageBlocks?: number) =>
  random("normal", key, site, shape, imageBlocks);

export function randomReference(op: OpOf<"random">, y: Node, key: Float64Array): Float64Array {
  const out = new Float64Array(numel(y.shape));
  const seed = (BigInt(key[1] >>> 0) << 32n) | BigInt(key[0] >>> 0);
  const fill = op.distribution === "uniform" ? philoxUniform : philoxNormal;
  fill(out, { seed, step: key[2], site: op.site, firstBlock: (op.imageBlocks ?? 0) * (key[3] ?? 0) });
  return out;
}
