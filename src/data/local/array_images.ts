// The images of an array in a file, read one at a time.
import type { ByteRange } from "../../io/byte_range.ts";
import { byteSize } from "../../io/byte_size.ts";
import type { NpyArray } from "../../io/npy.ts";
import { NPY_TYPES, type NpyType, npyElements } from "../../io/npy_elements.ts";
import { FileError, firstLine } from "../../platform/errors.ts";
import { DataError } from "../errors.ts";
import { type ArrayLayout, arrayLayout } from "./array_layout.ts";
import { type ToByte, toByteOf } from "./array_values.ts";
import type { StoredPixels } from "./encoded.ts";

/** Fortran order strews an image over the whole array, which is then kept in memory up to this size (bytes). */
const MAX_STREWN_BYTES = 2 ** 29;

/** Images of an array. */
export interface ArrayImages {
  readonly count: number;
  readonly warnings: readonly string[];
  /** @throws Error if the image is not finite; FileError if the array's values are of no known range, or damaged */
  content(index: number): Promise<StoredPixels>;
}

/**
 * @param name of the array, for errors
 * @param open gives its bytes; called at first use
 * @throws DataError, in one line, for an array that is none of images
 */
export function arrayImages(
  name: string,
  array: NpyArray,
  format: string,
  open: () => Promise<ByteRange>,
): ArrayImages {
  const { type, shape, fortranOrder } = array;
  if (type === undefined) throw new DataError(`${name}: ${foreignElements(array)}`);
  const layout = arrayLayout(shape, fortranOrder);
  if (typeof layout === "string") throw new DataError(`${name}: ${layout}`);
  const bytes = array.count * NPY_TYPES[type].bytes;
  if (fortranOrder && layout.count > 1 && bytes > MAX_STREWN_BYTES) {
    throw new DataError(
      `${name}: its ${byteSize(bytes)} are in Fortran order, of which ${byteSize(MAX_STREWN_BYTES)} are read; save numpy.ascontiguousarray of it`,
    );
  }
  let ready: Promise<Reader> | undefined;
  return {
    count: layout.count,
    warnings: layout.isAmbiguous
      ? [`${name}: of its shape [${shape.join(", ")}], the last axis is read as the channels, not the second`]
      : [],
    async content(index) {
      ready ??= open().then((range) => readerOf(name, range, array, type, layout));
      const { toByte, elements } = await ready;
      const { height, width, channels } = layout;
      const data = gather(await elements(index), layout, toByte);
      return { data, height, width, channels, format };
    },
  };
}

/** Why an array of this type is not read. */
export function foreignElements({ descr }: NpyArray): string {
  if (descr.includes("O")) return "its elements are Python objects, which can run code and are not read";
  return `its elements are of the type ${JSON.stringify(descr)}; give whole numbers, floats or bool`;
}

interface Reader {
  readonly toByte: ToByte;
  /** Elements in which image `index` begins at `first`. */
  elements(index: number): Promise<{ readonly values: ArrayLike<number>; readonly first: number }>;
}

async function readerOf(
  name: string,
  range: ByteRange,
  array: NpyArray,
  type: NpyType,
  { imageStep }: ArrayLayout,
): Promise<Reader> {
  const { bigEndian, start, fortranOrder } = array;
  const read = async (first: number, length: number) => {
    const { bytes } = NPY_TYPES[type];
    return npyElements(await range.read(start + first * bytes, length * bytes), type, bigEndian);
  };
  const toByte = await toByteOf(range, array).catch((error: unknown) => {
    if (error instanceof FileError) throw error;
    throw new FileError(name, firstLine(error), { cause: error });
  });
  if (!fortranOrder) {
    const elements = async (index: number) => ({
      values: await read(index * imageStep, imageStep),
      first: 0,
    });
    return { toByte, elements };
  }
  const values = await read(0, array.count);
  return { toByte, elements: async (index) => ({ values, first: index * imageStep }) };
}

/** @returns [height, width, channels] */
function gather(
  { values, first }: { readonly values: ArrayLike<number>; readonly first: number },
  { height, width, channels, rowStep, columnStep, channelStep }: ArrayLayout,
  toByte: ToByte,
): Uint8Array {
  const data = new Uint8Array(height * width * channels);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        const value = values[first + y * rowStep + x * columnStep + c * channelStep];
        if (!Number.isFinite(value)) throw new Error("some of its values are NaN or infinite");
        data[to++] = toByte(value);
      }
    }
  }
  return data;
}
