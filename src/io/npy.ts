// Headers of NumPy's .npy format, versions 1.0 to 3.0: a Python literal of fixed form, matched and never evaluated.
import type { ByteRange } from "./byte_range.ts";
import { foreignContent } from "./foreign.ts";
import { isNpyType, NPY_TYPES, type NpyType } from "./npy_elements.ts";
import { quoted } from "./printable.ts";

/** An array in a file. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** NumPy's name of the elements' type: "<f4", "|u1"; "fields" for a structure. */
  readonly descr: string;
  /** Undefined for elements that are not numbers, or of a kind that is not read. */
  readonly type: NpyType | undefined;
  readonly bigEndian: boolean;
  /** Whether the first index varies fastest. */
  readonly fortranOrder: boolean;
  /** Where the elements begin, and how many there are. */
  readonly start: number;
  readonly count: number;
}

const MAGIC = "\x93NUMPY";
/** Larger headers (bytes) are not read: those of arrays of numbers have some hundred. */
const MAX_HEADER_BYTES = 2 ** 16;
/** NumPy's own limit. */
const MAX_AXES = 64;
/** Characters of a header that an error quotes. */
const QUOTED = 60;

const ITEM =
  /^\s*'(descr|fortran_order|shape)'\s*:\s*('[^'\\]*'|\[.*\]|True|False|\([\d\s,L]*\))\s*(?:,|(?=\}))/;
const TYPE = /^([<>|=])([biuf])(\d{1,2})$/;

/**
 * Reads the header of an array, and checks that its elements are all there.
 * @throws Error that says in a few words what is wrong
 */
export async function readNpyHeader(range: ByteRange): Promise<NpyArray> {
  const preamble = await range.read(0, Math.min(range.size, 512));
  const view = new DataView(preamble.buffer);
  const major = preamble[6];
  const isArray = preamble.length > 12 && String.fromCharCode(...preamble.subarray(0, 6)) === MAGIC;
  if (!isArray) {
    const foreign = foreignContent(preamble, "a NumPy array");
    throw new Error(foreign === undefined ? "this is no NumPy array, or damaged" : `this is ${foreign}`);
  }
  if (major < 1 || major > 3) throw new Error(`format ${major} of .npy is not read; expected 1 to 3`);
  const [begin, length] = major === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  if (length > MAX_HEADER_BYTES)
    throw new Error(`its header has ${length} bytes; ${MAX_HEADER_BYTES} are read`);
  if (begin + length > range.size) throw new Error("damaged or cut short");
  const text = new TextDecoder().decode(await range.read(begin, length));
  return checkedSize(parseHeader(text), begin + length, range.size);
}

type Header = Omit<NpyArray, "start" | "count">;

function parseHeader(text: string): Header {
  const items = new Map<string, string>();
  const opening = /^\s*\{/.exec(text)?.[0];
  let rest = text.slice(opening?.length ?? 0);
  for (let item = ITEM.exec(rest); item !== null; item = ITEM.exec(rest)) {
    items.set(item[1], item[2]);
    rest = rest.slice(item[0].length);
  }
  const [descr, order, shape] = ["descr", "fortran_order", "shape"].map((key) => items.get(key));
  const isLiteral = opening !== undefined && /^\s*\}\s*$/.test(rest) && items.size === 3;
  if (
    !isLiteral ||
    !/^(?:True|False)$/.test(order ?? "") ||
    !/^\((?:\s*\d{1,16}L?\s*,)*(?:\s*\d{1,16}L?)?\s*\)$/.test(shape ?? "")
  ) {
    throw new Error(`its header is damaged: ${quoted(text.trim(), QUOTED)}`);
  }
  const sizes = shape?.match(/\d+/g)?.map(Number) ?? [];
  if (sizes.length > MAX_AXES) throw new Error(`it has ${sizes.length} axes; at most ${MAX_AXES} are read`);
  const name = descr?.startsWith("'") ? descr.slice(1, -1) : "fields";
  return { shape: sizes, fortranOrder: order === "True", ...typeOf(name) };
}

function typeOf(descr: string): Pick<NpyArray, "descr" | "type" | "bigEndian"> {
  const [, endian, kind, bytes] = TYPE.exec(descr) ?? [];
  const type = `${kind}${bytes}`;
  return { descr, type: isNpyType(type) ? type : undefined, bigEndian: endian === ">" };
}

function checkedSize(header: Header, start: number, size: number): NpyArray {
  const count = header.shape.reduce((product, axis) => product * axis, 1);
  if (!Number.isSafeInteger(count)) throw new Error("its header is damaged: its shape has too many elements");
  if (header.type !== undefined) {
    const wanted = count * NPY_TYPES[header.type].bytes;
    if (start + wanted > size) {
      throw new Error(`cut short: ${size - start} bytes of elements, where the shape needs ${wanted}`);
    }
    if (start + wanted < size) {
      throw new Error(`${size - start} bytes of elements, where the shape needs ${wanted} only`);
    }
  }
  return { ...header, start, count };
}
