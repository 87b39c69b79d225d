// Random numbers inside a program: Philox 4x32-10, keyed by (seed, step) and a site number, so the same run draws the
// same numbers on every backend and for any number of threads.
// Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".

import { makeNode, type Node, type OpOf } from "../graph.ts";
import { philoxNormal, philoxUniform } from "../random/philox.ts";
import { numel, type Shape, ShapeError, showShape } from "../shape.ts";

function random(distribution: OpOf<"random">["distribution"], key: Node, site: number, shape: Shape): Node {
  if (key.dtype !== "i32" || key.shape.length !== 1 || key.shape[0] !== 3) {
    throw new ShapeError(
      `random: wants an i32 key [3] (seed low, seed high, step), got ${key.dtype}${showShape(key.shape)}`,
    );
  }
  return makeNode({ kind: "random", distribution, site }, [key], shape, "f32");
}

/** Uniform in [0, 1) with 24 bits. `site` tells draws of one program apart. */
export const randomUniform = (key: Node, site: number, shape: Shape) => random("uniform", key, site, shape);
/** Standard normal (Box-Muller). */
export const randomNormal = (key: Node, site: number, shape: Shape) => random("normal", key, site, shape);

export function randomReference(op: OpOf<"random">, y: Node, key: Float64Array): Float64Array {
  const out = new Float64Array(numel(y.shape));
  const seed = (BigInt(key[1] >>> 0) << 32n) | BigInt(key[0] >>> 0);
  const fill = op.distribution === "uniform" ? philoxUniform : philoxNormal;
  fill(out, { seed, step: key[2], site: op.site });
  return out;
}
