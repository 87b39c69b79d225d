// The header of a safetensors file: the length of its JSON, then the name, type, shape and offsets of every tensor.
//   u64 little-endian N | N bytes JSON {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__"?:
//   {..}} | data
// Everything in it is checked before use: lengths against the file, sizes against shapes, and that the tensors cover
// the data exactly, without holes or overlap.
// Format: https://github.com/huggingface/safetensors#format

import { FileError } from "../platform/errors.ts";
import { compareCodePoints } from "./code_points.ts";
import { DTYPE_BYTES, DTYPES, type Dtype, isDtype } from "./dtypes.ts";
import { quoted } from "./printable.ts";

/** The longest header that is accepted (bytes). */
const MAX_HEADER_BYTES = 100_000_000;

/** The length prefix (bytes). */
export const PREFIX_BYTES = 8;

const METADATA_KEY = "__metadata__";

/** A tensor's entry in the header. */
export type TensorInfo = {
  /** The element type. */
  readonly dtype: Dtype;
  /** Length of each axis; [] for a scalar. */
  readonly shape: readonly number[];
  /** Where its bytes begin, counted from the end of the header. */
  readonly begin: number;
  /** Number of its bytes. */
  readonly byteLength: number;
};

/** A checked header. Tensors are in the order of their data. */
export type SafetensorsHeader = {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
};

/**
 * The length of the JSON text, from the first 8 bytes of a file.
 * @param fileBytes the length of the whole file
 * @throws FileError if the file is shorter than that, or the length is above MAX_HEADER_BYTES
 */
export function readHeaderLength(prefix: Uint8Array, fileBytes: number, source: string): number {
  if (fileBytes < PREFIX_BYTES) {
    throw new FileError(source, `not a safetensors file: ${fileBytes} bytes, where at least 8 are needed`);
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new FileError(
      source,
      `not a safetensors file: it gives its header ${length} bytes, where at most ${MAX_HEADER_BYTES} are allowed`,
    );
  }
  if (PREFIX_BYTES + Number(length) > fileBytes) {
    throw new FileError(
      source,
      `the file is truncated: its header is to be ${length} bytes long, but the file has only ${fileBytes} bytes; copy or download it again`,
    );
  }
  return Number(length);
}

/**
 * Parses and checks the JSON text of a header.
 * @param json the bytes between the length prefix and the data
 * @param dataBytes how many bytes follow the header in the file
 * @throws FileError naming the first problem
 */
export function parseHeader(json: Uint8Array, dataBytes: number, source: string): SafetensorsHeader {
  const root = parseJson(json, source);
  let metadata: Record<string, string> = {};
  const tensors: [string, TensorInfo][] = [];
  for (const [name, value] of Object.entries(root)) {
    if (name === METADATA_KEY) metadata = checkMetadata(value, source);
    else tensors.push([name, checkTensor(name, value, source)]);
  }
  tensors.sort(([, a], [, b]) => a.begin - b.begin || a.byteLength - b.byteLength);
  checkCoverage(tensors, dataBytes, source);
  return { tensors: new Map(tensors), metadata };
}

/**
 * Assigns tensors their offsets in a new file, largest element types first so that each is aligned, then by name, as
 * the Python library does. Returns the header: length prefix, JSON, and spaces up to a multiple of 8 bytes.
 * @throws RangeError if the header would be above MAX_HEADER_BYTES
 */
export function layOut(
  tensors: Iterable<readonly [string, { readonly dtype: Dtype; readonly shape: readonly number[] }]>,
  metadata: Readonly<Record<string, string>>,
): { bytes: Uint8Array; order: string[] } {
  const sorted = [...tensors].sort(
    ([a, { dtype: aType }], [b, { dtype: bType }]) =>
      DTYPES.indexOf(bType) - DTYPES.indexOf(aType) || compareCodePoints(a, b),
  );
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0)
    fields.push(`${JSON.stringify(METADATA_KEY)}:${JSON.stringify(metadata)}`);
  let end = 0;
  for (const [name, { dtype, shape }] of sorted) {
    if (name === METADATA_KEY)
      throw new RangeError(`a tensor cannot be called ${METADATA_KEY}: give it another name`);
    const begin = end;
    end += elementCount(shape) * DTYPE_BYTES[dtype];
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) {
    throw new RangeError(
      `the header takes ${length} bytes, where ${MAX_HEADER_BYTES} are allowed: write fewer tensors a file`,
    );
  }
  const bytes = new Uint8Array(PREFIX_BYTES + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, PREFIX_BYTES);
  return { bytes, order: sorted.map(([name]) => name) };
}

/** The product of a shape; 1 for `[]`. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function parseJson(json: Uint8Array, source: string): object {
  let root: unknown;
  try {
    root = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch (error) {
    throw new FileError(source, "not a safetensors file: its header is not JSON text", { cause: error });
  }
  if (!isObject(root)) throw new FileError(source, "not a safetensors file: its header is not a JSON object");
  return root;
}

function checkMetadata(value: unknown, source: string): Record<string, string> {
  if (!isObject(value)) throw new FileError(source, `${METADATA_KEY} must be an object of strings`);
  return Object.fromEntries(
    Object.entries(value).map(([key, text]) => {
      if (typeof text !== "string")
        throw new FileError(source, `${METADATA_KEY}.${quoted(key)} must be a string`);
      return [key, text];
    }),
  );
}

function checkTensor(name: string, value: unknown, source: string): TensorInfo {
  const fail = (problem: string): never => {
    throw new FileError(source, `tensor ${quoted(name)}: ${problem}`);
  };
  if (!isObject(value)) return fail("its header entry is not an object");
  const dtype = field(value, "dtype");
  if (!isDtype(dtype)) return fail(`dtype ${quoted(dtype)} is not supported; known are ${DTYPES.join(", ")}`);
  const shape = field(value, "shape");
  if (!Array.isArray(shape) || !shape.every(isSize))
    return fail(`shape ${quoted(shape)} is not a list of sizes`);
  const byteLength = shape.includes(0) ? 0 : elementCount(shape) * DTYPE_BYTES[dtype];
  if (!Number.isSafeInteger(byteLength)) return fail(`shape ${quoted(shape)} is too large`);
  const offsets = field(value, "data_offsets");
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0] > offsets[1]) {
    return fail(`data_offsets ${quoted(offsets)} is not [begin, end]`);
  }
  const [begin, end] = [offsets[0], offsets[1]];
  if (end - begin !== byteLength) {
    return fail(
      `shape ${quoted(shape)} of ${dtype} takes ${byteLength} bytes, but data_offsets give it ${end - begin}`,
    );
  }
  return { dtype, shape, begin, byteLength };
}

/** The tensors, sorted by offset, must follow each other from 0 to the end of the file. */
function checkCoverage(tensors: readonly [string, TensorInfo][], dataBytes: number, source: string): void {
  let end = 0;
  for (const [name, { begin, byteLength }] of tensors) {
    if (begin < end)
      throw new FileError(
        source,
        `tensor ${quoted(name)} overlaps another: it begins at ${begin}, before ${end}`,
      );
    if (begin > end)
      throw new FileError(
        source,
        `no tensor covers the data from ${end} to ${begin}, before ${quoted(name)}`,
      );
    end = begin + byteLength;
  }
  if (end > dataBytes) {
    throw new FileError(
      source,
      `the file is truncated: its tensors take ${end} bytes, but only ${dataBytes} follow the header; copy or download it again`,
    );
  }
  if (end < dataBytes) {
    throw new FileError(source, `${dataBytes - end} bytes follow the last tensor that belong to none`);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function field(value: object, key: string): unknown {
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}
