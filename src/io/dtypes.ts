// The element types of safetensors files: their sizes, their typed arrays in memory, and the conversion between the
// two. Files are little-endian, as are the typed arrays of every platform where Node runs WebAssembly.
import { bfloat16ToFloat32, float32ToBfloat16, float32ToHalf, halfToFloat32 } from "../engine/half.ts";

/** Bytes per element, in the format's sort order of types. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;

/** An element type of the safetensors format. @useDeclaredType */
export type Dtype = keyof typeof DTYPE_BYTES;

/** Every supported type, in the format's order. */
export const DTYPES: readonly Dtype[] = [
  "BOOL",
  "U8",
  "I8",
  "I16",
  "U16",
  "F16",
  "BF16",
  "I32",
  "U32",
  "F32",
  "F64",
  "I64",
  "U64",
];

/** Tensors in memory: F16 and BF16 become a Float32Array, BOOL a Uint8Array of 0 and 1, I64 BigInts. */
export type TensorArray =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** True for the name of a supported element type. */
export function isDtype(name: unknown): name is Dtype {
  return typeof name === "string" && Object.hasOwn(DTYPE_BYTES, name);
}

/** The type in which a typed array is written by default: never F16, BF16 or BOOL. */
export function dtypeOf(data: TensorArray): Dtype {
  if (data instanceof Float32Array) return "F32";
  if (data instanceof Float64Array) return "F64";
  if (data instanceof BigInt64Array) return "I64";
  if (data instanceof BigUint64Array) return "U64";
  if (data instanceof Int32Array) return "I32";
  if (data instanceof Uint32Array) return "U32";
  if (data instanceof Int16Array) return "I16";
  if (data instanceof Uint16Array) return "U16";
  if (data instanceof Int8Array) return "I8";
  return "U8";
}

/**
 * True if `data` can be written as `dtype`: its own type, F16 or BF16 from float32 or from their bits, BOOL from bytes of 0
 * and 1.
 */
export function canEncode(data: TensorArray, dtype: Dtype): boolean {
  if (dtype === "F16" || dtype === "BF16") return data instanceof Float32Array || data instanceof Uint16Array;
  if (dtype === "BOOL") return data instanceof Uint8Array && data.every((byte) => byte <= 1);
  return dtypeOf(data) === dtype;
}

/** Elements to file bytes. Without a conversion this is a view, not a copy. */
export function encode(data: TensorArray, dtype: Dtype): Uint8Array {
  const stored =
    dtype === "F16" && data instanceof Float32Array
      ? float32ToHalf(data)
      : dtype === "BF16" && data instanceof Float32Array
        ? float32ToBfloat16(data)
        : data;
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

/** File bytes to elements. The buffer must hold exactly the tensor; it is reused, not copied, where possible. */
export function decode(bytes: ArrayBuffer, dtype: Dtype): TensorArray {
  switch (dtype) {
    case "BOOL":
    case "U8":
      return new Uint8Array(bytes);
    case "I8":
      return new Int8Array(bytes);
    case "I16":
      return new Int16Array(bytes);
    case "U16":
      return new Uint16Array(bytes);
    case "F16":
      return halfToFloat32(new Uint16Array(bytes));
    case "BF16":
      return bfloat16ToFloat32(new Uint16Array(bytes));
    case "I32":
      return new Int32Array(bytes);
    case "U32":
      return new Uint32Array(bytes);
    case "F32":
      return new Float32Array(bytes);
    case "F64":
      return new Float64Array(bytes);
    case "I64":
      return new BigInt64Array(bytes);
    case "U64":
      return new BigUint64Array(bytes);
    default:
      return dtype satisfies never;
  }
}
