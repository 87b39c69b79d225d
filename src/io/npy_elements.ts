// Element types of NumPy's arrays, and their bytes as numbers.
import { halfToFloat32 } from "../engine/half.ts";

interface ElementType {
  readonly bytes: number;
  readonly isFloat: boolean;
  /** Numbers of little-endian bytes. */
  readonly read: (bytes: ArrayBuffer) => ArrayLike<number>;
}

const integer = (bytes: number, read: ElementType["read"]): ElementType => ({ bytes, isFloat: false, read });
const float = (bytes: number, read: ElementType["read"]): ElementType => ({ bytes, isFloat: true, read });

/** By NumPy's letter and the number of bytes: "b1" is a truth value, "u1" a byte, "f2" a half. */
export const NPY_TYPES = {
  b1: integer(1, (bytes) => new Uint8Array(bytes)),
  u1: integer(1, (bytes) => new Uint8Array(bytes)),
  u2: integer(2, (bytes) => new Uint16Array(bytes)),
  u4: integer(4, (bytes) => new Uint32Array(bytes)),
  u8: integer(8, (bytes) => Float64Array.from(new BigUint64Array(bytes), Number)),
  i1: integer(1, (bytes) => new Int8Array(bytes)),
  i2: integer(2, (bytes) => new Int16Array(bytes)),
  i4: integer(4, (bytes) => new Int32Array(bytes)),
  i8: integer(8, (bytes) => Float64Array.from(new BigInt64Array(bytes), Number)),
  f2: float(2, (bytes) => halfToFloat32(new Uint16Array(bytes))),
  f4: float(4, (bytes) => new Float32Array(bytes)),
  f8: float(8, (bytes) => new Float64Array(bytes)),
} as const satisfies Record<string, ElementType>;

export type NpyType = keyof typeof NPY_TYPES;

export const isNpyType = (name: string): name is NpyType => Object.hasOwn(NPY_TYPES, name);

const KIND_NAMES: Readonly<Record<string, string>> = { u: "uint", i: "int", f: "float" };

/** NumPy's name: "uint8", "float32". */
export const npyTypeName = (type: NpyType): string =>
  type === "b1" ? "bool" : `${KIND_NAMES[type[0]]}${8 * NPY_TYPES[type].bytes}`;

/**
 * Elements as numbers; 64-bit integers beyond 2^53 are rounded.
 * @param bytes whole elements, in a buffer of their own, which may be changed
 */
export function npyElements(
  bytes: Uint8Array<ArrayBuffer>,
  type: NpyType,
  bigEndian: boolean,
): ArrayLike<number> {
  const { bytes: width, read } = NPY_TYPES[type];
  if (bigEndian && width > 1) {
    for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
  }
  return read(bytes.buffer);
}
