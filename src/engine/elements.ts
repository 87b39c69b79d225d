// Converts between values on the host and elements in a backend's memory.

import type { HostArray } from "./backend.ts";
import { type DType, isHalf } from "./graph.ts";
import { bfloat16ToFloat32, float32ToBfloat16, float32ToHalf, halfToFloat32 } from "./half.ts";

/** Whether host values have a type that `dtype` accepts: 16-bit elements are given as f32 or as their bits. */
export function holds(data: HostArray, dtype: DType): boolean {
  if (dtype === "i32") return data instanceof Int32Array;
  return data instanceof Float32Array || (isHalf(dtype) && data instanceof Uint16Array);
}

/** Host values as elements in memory; f32 is rounded for 16-bit types. `holds` must be true. */
export function toElements(data: HostArray, dtype: DType): HostArray {
  if (!(data instanceof Float32Array) || !isHalf(dtype)) return data;
  return dtype === "f16" ? float32ToHalf(data) : float32ToBfloat16(data);
}

/** A copy of `count` elements in memory, from byte `at` on: the bits of 16-bit ones, others as f32. */
export const toStored = (
  buffer: ArrayBufferLike,
  at: number,
  count: number,
  dtype: DType,
): Float32Array | Uint16Array =>
  isHalf(dtype) ? new Uint16Array(buffer, at, count).slice() : toFloats(buffer, at, count, dtype);

/** A copy of `count` elements in memory, from byte `at` on, as f32. */
export function toFloats(buffer: ArrayBufferLike, at: number, count: number, dtype: DType): Float32Array {
  switch (dtype) {
    case "f32":
      return new Float32Array(buffer, at, count).slice();
    case "i32":
      return Float32Array.from(new Int32Array(buffer, at, count));
    case "f16":
      return halfToFloat32(new Uint16Array(buffer, at, count));
    case "bf16":
      return bfloat16ToFloat32(new Uint16Array(buffer, at, count));
    default:
      return dtype satisfies never;
  }
}
