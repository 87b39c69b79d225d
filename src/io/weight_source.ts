// A weight that is read when it is its turn to be written, so that the weights of a model need not be in memory together.

import { toElements, toFloats } from "../engine/elements.ts";
import type { FloatType } from "../engine/graph.ts";

/** Element types in which weights can be written. */
export type WeightDtype = "F32" | "F16" | "BF16";

/** The elements of a weight in a file: float32, or the bits of F16 and BF16. */
export type WeightElements = Float32Array | Uint16Array;

/** A weight that is read when it is written. */
export interface WeightSource {
  /** In torch's layout. */
  readonly shape: readonly number[];
  /** Its elements in torch's layout, as a file of this type holds them; the caller's own. */
  read(dtype: WeightDtype): Promise<WeightElements>;
}

const FLOAT_TYPES = { F32: "f32", F16: "f16", BF16: "bf16" } as const satisfies Record<
  WeightDtype,
  FloatType
>;

/**
 * Elements as a file holds them. 16-bit ones of the file's type stay as they are, bit for bit.
 * @param own the type of 16-bit elements
 * @returns `data` itself where nothing changes
 */
export function inFileType(data: WeightElements, own: FloatType, dtype: WeightDtype): WeightElements {
  const wanted = FLOAT_TYPES[dtype];
  if (data instanceof Uint16Array) {
    if (own === wanted) return data;
    return inFileType(toFloats(data.buffer, data.byteOffset, data.length, own), "f32", dtype);
  }
  const elements = toElements(data, wanted);
  return elements instanceof Uint16Array ? elements : data;
}
