// Reading and writing safetensors files. Opening a file reads its header only; tensors are then read one by one, so a
// checkpoint of several gigabytes never needs to be in memory at once. Writing streams, and is atomic.
import { files } from "#platform";
import { explainSystemError, FileError } from "../platform/errors.ts";
import { canEncode, type Dtype, decode, dtypeOf, encode, type TensorArray } from "./dtypes.ts";
import { asForeign, explainForeign } from "./foreign.ts";
import { openFile } from "./open_file.ts";
import { plain } from "./plain.ts";
import {
  elementCount,
  layOut,
  PREFIX_BYTES,
  parseHeader,
  readHeaderLength,
  type SafetensorsHeader,
  type TensorInfo,
} from "./safetensors_header.ts";

/** A tensor in host memory, C order. `dtype` is the file's; F16 and BF16 data are float32 here. */
export type StoredTensor = {
  /** The element type in the file. */
  readonly dtype: Dtype;
  /** Length of each axis; [] for a scalar. */
  readonly shape: readonly number[];
  /** The elements, the last axis running fastest. */
  readonly data: TensorArray;
};

/**
 * A tensor to write. The default `dtype` is the array's own type; a Float32Array may be written as F16 or BF16, and so
 * may a Uint16Array of their bits.
 */
export type TensorEntry = {
  /** Length of each axis; [] for a scalar. */
  readonly shape: readonly number[];
  /** The elements, the last axis running fastest. */
  readonly data: TensorArray;
  /** The element type in the file. */
  readonly dtype?: Dtype;
};

/** A tensor that is read when it is its turn to be written. */
export interface PendingTensor {
  readonly dtype: Dtype;
  /** Length of each axis; [] for a scalar. */
  readonly shape: readonly number[];
  /** Its elements, which must not change until the next tensor is read; bits of F16 and BF16, or float32. */
  read(): Promise<TensorArray>;
}

/** An open safetensors file: tensors are read on demand. */
export interface SafetensorsFile {
  /** Names, in the order of their data. */
  readonly names: readonly string[];
  /** The header's `__metadata__`, such as `{ format: "pt" }`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether there is a tensor of this name. */
  has(name: string): boolean;
  /** @throws FileError if there is no such tensor */
  info(name: string): TensorInfo;
  /** The tensor's elements; F16 and BF16 as float32. @throws FileError if there is no such tensor, or reading fails */
  read(name: string): Promise<TensorArray>;
  /**
   * A weight's elements as float32, from F32, F16, BF16 or F64.
   * @throws FileError if its elements are not floating-point, or one of them is NaN or infinite
   */
  readFloat32(name: string): Promise<Float32Array>;
  /**
   * The bits of a weight's elements, of F16 or BF16.
   * @throws FileError if its elements are of another type, or one of them is NaN or infinite
   */
  readBits(name: string): Promise<Uint16Array>;
  /** Closes the file; nothing can be read afterwards. */
  close(): Promise<void>;
}

const EXPECTED = "a safetensors file";

/** Elements converted at a time when writing F16 or BF16. */
const CONVERT_ELEMENTS = 2 ** 20;

/**
 * Opens a safetensors file and checks its whole header. The caller closes it.
 * @throws FileError, in one line, if the file cannot be opened or is not a valid safetensors file
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await openFile(path);
  try {
    const size = await file.size();
    const prefix = await file.read(0, Math.min(size, PREFIX_BYTES));
    const headerBytes = readHeaderLength(new Uint8Array(prefix), size, path);
    const json = new Uint8Array(await file.read(PREFIX_BYTES, headerBytes));
    const dataBegin = PREFIX_BYTES + headerBytes;
    const { tensors, metadata } = parseHeader(json, size - dataBegin, path);
    const info = (name: string): TensorInfo => tensors.get(name) ?? missing(path, name);
    const bytesOf = async (name: string): Promise<ArrayBuffer> => {
      const { begin, byteLength } = info(name);
      try {
        return await file.read(dataBegin + begin, byteLength);
      } catch (error) {
        throw explainSystemError(error, "read the file", path);
      }
    };
    const read = async (name: string): Promise<TensorArray> => decode(await bytesOf(name), info(name).dtype);
    return {
      names: [...tensors.keys()],
      metadata,
      has: (name) => tensors.has(name),
      info,
      read,
      readFloat32: async (name) => toFloat32(await read(name), path, name, info(name).dtype),
      readBits: async (name) => {
        const { dtype } = info(name);
        if (dtype !== "F16" && dtype !== "BF16") throw unexpectedType(path, name, dtype, "F16, BF16");
        return finiteBits(new Uint16Array(await bytesOf(name)), { path, name, dtype });
      },
      close: () => file.close(),
    };
  } catch (error) {
    const explained = await explainForeign(error, file, path, EXPECTED).finally(() => file.close());
    throw explainSystemError(explained, "read the file", path);
  }
}

/**
 * Reads a whole safetensors file, or its bytes, into memory.
 * @param source a path, or the bytes of a file (copied, not kept)
 * @returns the tensors, in the order of their data
 * @throws FileError, in one line, if it cannot be read or is not a valid safetensors file
 */
export async function readSafetensors(source: string | Uint8Array): Promise<Map<string, StoredTensor>> {
  if (typeof source !== "string") return parseSafetensors(source);
  const file = await openSafetensors(source);
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const name of file.names) {
      const { dtype, shape } = file.info(name);
      tensors.set(name, { dtype, shape, data: await file.read(name) });
    }
    return tensors;
  } finally {
    await file.close();
  }
}

/**
 * Writes a safetensors file: to a temporary file, flushed, then renamed. The bytes are those the Python library
 * writes.
 * @param tensors name -> shape and elements, which must not change during writing
 * @param metadata strings for the header; other libraries expect at least `{ format: "pt" }`
 * @throws FileError, in one line, if an entry's shape does not fit its data or the file cannot be written
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorEntry>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Promise<void> {
  const pending = new Map<string, PendingTensor>();
  for (const [name, entry] of tensors) {
    const { dtype, shape, data } = checkEntry(path, name, entry);
    pending.set(name, { dtype, shape, read: async () => data });
  }
  await writePending(path, pending, metadata);
}

/**
 * Writes a safetensors file as `writeSafetensors` does, of tensors that are read one after another: so only one needs to
 * be in memory.
 * @throws FileError, in one line, as `writeSafetensors` does; what a tensor's `read` throws. The file is then as it was.
 */
export async function writePending(
  path: string,
  tensors: ReadonlyMap<string, PendingTensor>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Promise<void> {
  const { bytes: header, order } = layOut(tensors, metadata);
  await files.writeFileAtomic(path, async (file) => {
    await file.write(header);
    for (const name of order) {
      const { read, ...kind } = tensors.get(name) ?? missing(path, name);
      const { data, dtype } = checkEntry(path, name, { ...kind, data: await read() });
      if (data instanceof Float32Array && dtype !== "F32") {
        for (let i = 0; i < data.length; i += CONVERT_ELEMENTS) {
          await file.write(encode(data.subarray(i, i + CONVERT_ELEMENTS), dtype));
        }
      } else await file.write(encode(data, dtype));
    }
  });
}

function parseSafetensors(bytes: Uint8Array): Map<string, StoredTensor> {
  const { tensors, dataBegin } = headerOf(bytes, "safetensors bytes");
  const out = new Map<string, StoredTensor>();
  for (const [name, { dtype, shape, begin, byteLength }] of tensors) {
    const copy = new Uint8Array(byteLength);
    copy.set(bytes.subarray(dataBegin + begin, dataBegin + begin + byteLength));
    out.set(name, { dtype, shape, data: decode(copy.buffer, dtype) });
  }
  return out;
}

function headerOf(bytes: Uint8Array, source: string): SafetensorsHeader & { dataBegin: number } {
  try {
    const dataBegin = PREFIX_BYTES + readHeaderLength(bytes, bytes.length, source);
    const json = bytes.subarray(PREFIX_BYTES, dataBegin);
    return { ...parseHeader(json, bytes.length - dataBegin, source), dataBegin };
  } catch (error) {
    throw asForeign(error, bytes, source, EXPECTED);
  }
}

function checkEntry(path: string, name: string, entry: TensorEntry): StoredTensor {
  const { shape, data } = entry;
  const dtype = entry.dtype ?? dtypeOf(data);
  if (shape.some((size) => !Number.isSafeInteger(size) || size < 0) || elementCount(shape) !== data.length) {
    throw new FileError(
      path,
      `tensor ${name}: shape [${shape.join(", ")}] does not fit its ${data.length} elements`,
    );
  }
  if (!canEncode(data, dtype)) {
    throw new FileError(path, `tensor ${name}: ${data.constructor.name} cannot be written as ${dtype}`);
  }
  return { dtype, shape, data };
}

function toFloat32(data: TensorArray, path: string, name: string, dtype: Dtype): Float32Array {
  if (data instanceof Float32Array) return finite(data, path, name);
  if (data instanceof Float64Array) return finite(Float32Array.from(data), path, name);
  throw unexpectedType(path, name, dtype, "F32, F16, BF16, F64");
}

const unexpectedType = (path: string, name: string, dtype: Dtype, expected: string): FileError =>
  new FileError(
    path,
    `tensor ${plain(name)} is ${dtype}, where a floating-point type was expected (${expected})`,
  );

/** @throws FileError for NaN or infinite elements, which would spread to every result */
function finite(data: Float32Array, path: string, name: string): Float32Array {
  let first = 0;
  while (first < data.length && Number.isFinite(data[first])) first++;
  if (first === data.length) return data;
  throw new FileError(
    path,
    `tensor ${plain(name)} is broken: its element ${first} of ${data.length} is ${data[first]}, where finite numbers were expected; take weights saved before training diverged, or save them anew in float32`,
  );
}

/** The bits of the exponent; all are set in NaN and infinity. */
const EXPONENTS = { F16: 0x7c00, BF16: 0x7f80 } as const;

/** @throws FileError as `finite` does */
function finiteBits(
  bits: Uint16Array<ArrayBuffer>,
  { path, name, dtype }: { readonly path: string; readonly name: string; readonly dtype: "F16" | "BF16" },
): Uint16Array {
  const exponent = EXPONENTS[dtype];
  let first = 0;
  while (first < bits.length && (bits[first] & exponent) !== exponent) first++;
  if (first < bits.length) toFloat32(decode(bits.buffer, dtype), path, name, dtype); // throws, and says what it is
  return bits;
}

function missing(path: string, name: string): never {
  throw new FileError(path, `there is no tensor ${plain(name)} in this file`);
}
