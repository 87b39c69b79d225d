// Images and labels among the arrays of NumPy in a .npz archive.
import { files } from "#platform";
import type { ByteRange } from "../../io/byte_range.ts";
import { type NpyArray, readNpyHeader } from "../../io/npy.ts";
import { npyElements, npyTypeName } from "../../io/npy_elements.ts";
import { named } from "../../io/printable.ts";
import { openZip, type ZipArchive, type ZipEntry } from "../../io/zip.ts";
import { FileError, firstLine } from "../../platform/errors.ts";
import { DataError } from "../errors.ts";
import type { ClassLabels } from "../image_source.ts";
import { arrayImages, foreignElements } from "./array_images.ts";
import { arrayLayout, SHAPES, shown } from "./array_layout.ts";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { fileStamp } from "./file_stamp.ts";
import { refuseSplit } from "./kinds.ts";
import { classLabels } from "./labels.ts";

const EXTENSION = ".npy";
/** Usual names, which decide between several arrays of images, or say which one has the labels. */
const IMAGE_NAMES = ["images", "image", "imgs", "img"];
const LABEL_NAMES = ["label", "labels", "y"];
/** Archives with more arrays are refused. */
const MAX_ARRAYS = 10_000;

interface NamedArray {
  readonly name: string;
  readonly array: NpyArray;
  readonly entry: ZipEntry;
}

/** @throws FileError for an archive that is damaged or suspicious, DataError for one without images */
export async function npzImages(
  { name, path }: NamedSource,
  selection: SourceSelection,
): Promise<EncodedImages> {
  refuseSplit(name, selection, "a .npz archive");
  const archive = await openZip(path, (file) => file.endsWith(EXTENSION), {
    storedBytes: Number.MAX_SAFE_INTEGER,
    // Labels in order, or empty ground, pack better than any image file.
    ratio: Infinity,
    advice: "save such arrays without compression, with numpy.savez",
  });
  try {
    const arrays = await survey(name, archive);
    const image = imageArray(name, arrays, selection.imageColumn);
    const range = () => rangeOf(`${name}: ${named(image.name)}`, archive, image.entry);
    const images = arrayImages(`${name}: ${named(image.name)}`, image.array, "npz", range);
    const { labels, warnings } = await labelsOf(name, archive, arrays, images.count, selection);
    return {
      ...images,
      nameOf: (index) => `${image.name}:${index}`,
      ...(labels !== undefined && { labels }),
      warnings: [...images.warnings, ...warnings],
      identity: JSON.stringify(["npz", await files.realPath(path), image.name]),
      stamp: () => fileStamp(path),
      close: () => archive.close(),
    };
  } catch (error) {
    await archive.close();
    throw error;
  }
}

/** The header of every array. */
async function survey(name: string, archive: ZipArchive): Promise<NamedArray[]> {
  const { entries } = archive;
  if (entries.length === 0)
    throw new DataError(`${name}: no arrays in this archive; write it with numpy.savez`);
  if (entries.length > MAX_ARRAYS) {
    throw new DataError(`${name}: ${entries.length} arrays in this archive; at most ${MAX_ARRAYS} are read`);
  }
  const arrays: NamedArray[] = [];
  for (const entry of entries) {
    const own = entry.name.slice(0, -EXTENSION.length);
    const array = await explained(`${name}: ${named(own)}`, async () =>
      readNpyHeader(await archive.range(entry)),
    );
    arrays.push({ name: own, array, entry });
  }
  return arrays;
}

const rangeOf = (name: string, archive: ZipArchive, entry: ZipEntry): Promise<ByteRange> =>
  explained(name, () => archive.range(entry));

async function explained<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof FileError ? error : new FileError(name, firstLine(error), { cause: error });
  }
}

/**
 * The chosen array, else the only one of images, else one with a usual name.
 * @throws DataError that lists the arrays
 */
function imageArray(name: string, arrays: readonly NamedArray[], asked: string | undefined): NamedArray {
  if (asked !== undefined) return askedArray(name, arrays, asked);
  const candidates = arrays.filter(
    ({ array }) =>
      array.type !== undefined && typeof arrayLayout(array.shape, array.fortranOrder) !== "string",
  );
  const usual = IMAGE_NAMES.map((usualName) => candidates.find((one) => one.name === usualName));
  const found = candidates.length === 1 ? candidates[0] : usual.find((one) => one !== undefined);
  if (found !== undefined) return found;
  if (candidates.length > 0) {
    throw new DataError(
      `${name}: several arrays could be the images; ${listed(arrays)}; choose one with imageColumn (--image-column)`,
    );
  }
  throw new DataError(`${name}: no array of images (${SHAPES}); ${listed(arrays)}`);
}

function askedArray(name: string, arrays: readonly NamedArray[], asked: string): NamedArray {
  const found = arrays.find((one) => one.name === asked);
  if (found !== undefined) return found;
  throw new DataError(`${name}: there is no array ${JSON.stringify(asked)}; ${listed(arrays)}`);
}

/** Arrays that an error names. */
const LISTED = 12;

function listed(arrays: readonly NamedArray[]): string {
  const some = arrays
    .slice(0, LISTED)
    .map(
      ({ name, array }) =>
        `${named(name)} (${array.type === undefined ? named(array.descr) : npyTypeName(array.type)} ${shown(array.shape)})`,
    );
  const more = arrays.length > LISTED ? ` and ${arrays.length - LISTED} more` : "";
  return `arrays: ${some.join(", ")}${more}`;
}

/** Labels by number; those that were not chosen are left out, with a warning, where they do not fit. */
async function labelsOf(
  name: string,
  archive: ZipArchive,
  arrays: readonly NamedArray[],
  count: number,
  { labelColumn: asked }: SourceSelection,
): Promise<{ readonly labels?: ClassLabels; readonly warnings: readonly string[] }> {
  const found =
    asked === undefined
      ? LABEL_NAMES.map((usual) => arrays.find((one) => one.name === usual)).find((one) => one !== undefined)
      : askedArray(name, arrays, asked);
  if (found === undefined) return { warnings: [] };
  const problem = labelProblem(found, count);
  if (problem !== undefined) {
    const line = `${name}: ${named(found.name)} are not the labels of ${count} images: ${problem}`;
    if (asked !== undefined) throw new DataError(`${line}; give one whole number for each image`);
    return { warnings: [`${line}; the images are read without labels`] };
  }
  const labels = classLabels(await wholeNumbers(`${name}: ${named(found.name)}`, archive, found));
  return "names" in labels ? { labels, warnings: [] } : { warnings: [] };
}

function labelProblem({ array }: NamedArray, count: number): string | undefined {
  const { type, shape } = array;
  if (type === undefined) return foreignElements(array);
  if (type.startsWith("f")) return "they are floats";
  const isOneEach = shape[0] === count && shape.slice(1).every((size) => size === 1);
  return isOneEach ? undefined : `their shape is ${shown(shape)}`;
}

async function wholeNumbers(
  name: string,
  archive: ZipArchive,
  { array, entry }: NamedArray,
): Promise<string[]> {
  const { type = "u1", bigEndian, start } = array;
  const bytes = await explained(name, () => archive.read(entry));
  return Array.from(npyElements(new Uint8Array(bytes.subarray(start)), type, bigEndian), String);
}
