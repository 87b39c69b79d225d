// Arithmetic on integers that every machine does in the same way.

import type { Constant, Expr } from "../simd/expr.ts";

export const number = (value: number): Constant => ({ kind: "const", type: "i32", value });

/** A sum as its terms and its constant, to which `offset` is added. */
export function sumOf(e: Expr, offset: number): { terms: Expr[]; constant: number } {
  if (e.kind === "const") return { terms: [], constant: e.value + offset };
  if (e.kind === "op" && e.op === "i32.add") {
    const [left, right] = e.args.map((term) => sumOf(term, 0));
    return {
      terms: [...left.terms, ...right.terms],
      constant: left.constant + right.constant + offset,
    };
  }
  return { terms: [e], constant: offset };
}

/**
 * Unsigned division of 32 bits by a constant d as a product: floor(x / d) = floor(x m / 2^(32 + l)) for 0 <= x < 2^32
 * with l = ceil(log2 d) and m = ceil(2^(32 + l) / d) (Granlund and Montgomery 1994); m has 33 bits, so the product of 64
 * bits holds for x < 2^31, which all numbers here are.
 */
export function reciprocal(d: number): { readonly multiplier: number; readonly shift: number } {
  const shift = 32 + 32 - Math.clz32(d - 1);
  return { multiplier: Number((1n << BigInt(shift)) / BigInt(d) + 1n), shift };
}

const scratch = new DataView(new ArrayBuffer(8));
/** The bits of a float, as words. */
export function wordsOf({ type, value }: Constant): number[] {
  if (type === "f32") {
    scratch.setFloat32(0, value);
    return [scratch.getInt32(0)];
  }
  scratch.setFloat64(0, value);
  return [scratch.getInt32(4), scratch.getInt32(0)];
}
