// The images in parquet files: row groups are read on demand, and the last few are kept.
import { files as disk, hashing, paths as pathnames } from "#platform";
import { openParquet, type ParquetColumn, type ParquetFile } from "../../io/parquet.ts";
import { DataError } from "../errors.ts";
import type { ClassLabels } from "../image_source.ts";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { inOrder } from "./in_order.ts";
import { classLabels, numberedLabels } from "./labels.ts";
import { imageColumn, labelColumn } from "./parquet_columns.ts";

/** Number of row groups and files kept: images are read in order, a few at a time. */
const KEPT_GROUPS = 2;
const KEPT_FILES = 2;

/** The location of one row group. */
interface Place {
  readonly file: number;
  readonly group: number;
  /** The index of the image in its first row. */
  readonly first: number;
  /** The number of that row in the file. */
  readonly row: number;
}

/**
 * Opens parquet files.
 * @param source the folder that contains the paths
 * @param paths of the files, with "/", in reading order
 * @throws DataError and FileError, in one line, for files that are damaged or lack the columns
 */
export async function parquetImages(
  { name, path: folder }: NamedSource,
  paths: readonly string[],
  selection: SourceSelection,
): Promise<EncodedImages> {
  const files = new FilePool(paths.map((path) => pathnames.join(folder, path)));
  try {
    const { places, count, image, label } = await survey(name, files, paths, selection);
    if (count === 0) throw new DataError(`${name}: no rows in these parquet files; give files with images`);
    const found =
      label === undefined ? { warnings: [] } : await labelsOf(name, files, places, label, selection, count);
    const groups = new Map<number, Promise<Record<string, unknown>[]>>();
    const group = (index: number): Promise<Record<string, unknown>[]> => {
      const place = places[index];
      if (place === undefined) throw new RangeError(`${name}: there is no row group ${index}`);
      const rows =
        groups.get(index) ?? files.use(place.file, (file) => file.readGroup(place.group, [image.name]));
      groups.delete(index);
      groups.set(index, rows);
      for (const oldest of groups.keys()) if (groups.size > KEPT_GROUPS) groups.delete(oldest);
      return rows;
    };
    return {
      count,
      nameOf(index) {
        const place = places[placeOf(places, index)];
        return place === undefined ? "" : `${paths[place.file]}:${place.row + index - place.first}`;
      },
      ...found,
      async content(index) {
        const at = placeOf(places, index);
        const rows = await group(at);
        return imageBytes(rows[index - (places[at]?.first ?? 0)]?.[image.name]);
      },
      identity: JSON.stringify(["parquet", await disk.realPath(folder), paths, image.name]),
      stamp: () => files.stamp(paths),
      close: () => files.close(),
    };
  } catch (error) {
    await files.close();
    throw error;
  }
}

interface Survey {
  readonly places: readonly Place[];
  readonly count: number;
  readonly image: ParquetColumn;
  readonly label: ParquetColumn | undefined;
}

/** Opens every file once to read its columns, row count and row groups. */
async function survey(
  name: string,
  files: FilePool,
  paths: readonly string[],
  selection: SourceSelection,
): Promise<Survey> {
  const places: Place[] = [];
  let count = 0;
  let columns: Pick<Survey, "image" | "label"> | undefined;
  for (const [file, path] of paths.entries()) {
    await files.use(file, async (parquet) => {
      columns ??= {
        image: imageColumn(name, parquet.columns, selection.imageColumn),
        label: labelColumn(name, parquet.columns, selection.labelColumn),
      };
      for (const column of [columns.image, columns.label]) {
        const here = parquet.columns.find((one) => one.name === column?.name);
        if (column !== undefined && here?.type !== column.type) {
          throw new DataError(
            `${name}: column ${JSON.stringify(column.name)} is ${column.type} in ${paths[0]}, but ${here?.type ?? "missing"} in ${path}; give files of one kind`,
          );
        }
      }
      let row = 0;
      for (const [group, rows] of parquet.groups.entries()) {
        if (rows > 0) places.push({ file, group, first: count + row, row });
        row += rows;
      }
      count += row;
    });
  }
  if (columns === undefined) throw new DataError(`${name}: no parquet files; give at least one`);
  return { places, count, ...columns };
}

async function labelsOf(
  name: string,
  files: FilePool,
  places: readonly Place[],
  column: ParquetColumn,
  { labelColumn: asked }: SourceSelection,
  count: number,
): Promise<{ labels?: ClassLabels; warnings: readonly string[] }> {
  const values: (string | number | undefined)[] = [];
  const read = ({ file, group }: Place) =>
    files.use(file, (parquet) => parquet.readGroup(group, [column.name]));
  for (const place of places) for (const row of await read(place)) values.push(labelValue(row[column.name]));
  const { classNames } = column;
  const labels =
    classNames !== undefined && column.type === "integer"
      ? numberedLabels(
          values.map((value) => (typeof value === "number" ? value : undefined)),
          classNames,
        )
      : classLabels(values.map((value) => (value === undefined ? undefined : String(value))));
  if ("names" in labels) return { labels, warnings: [] };
  const problem = `${name}: ${labels.missing} of ${count} rows have no label in column ${JSON.stringify(column.name)}, the first of them row ${labels.first}`;
  if (asked !== undefined) throw new DataError(`${problem}; choose another column, or none`);
  return { warnings: [`${problem}; the images are read without labels`] };
}

function labelValue(value: unknown): string | number | undefined {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (typeof value === "bigint") return Number(value);
  return typeof value === "string" || typeof value === "number" ? value : undefined;
}

function imageBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "object" && value !== null) {
    if ("bytes" in value && value.bytes instanceof Uint8Array) return value.bytes;
    if ("path" in value && typeof value.path === "string") throw new Error("a path in place of an image");
  }
  throw new Error("no image in this row");
}

/** The last row group that starts at or before the image. */
function placeOf(places: readonly Place[], index: number): number {
  let low = 0;
  let high = places.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((places[middle]?.first ?? 0) <= index) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Opens files on demand; the last few stay open. */
class FilePool {
  readonly #paths: readonly string[];
  readonly #open = new Map<number, { readonly file: Promise<ParquetFile>; uses: number }>();

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  async use<T>(index: number, work: (file: ParquetFile) => Promise<T>): Promise<T> {
    const entry = this.#open.get(index) ?? { file: openParquet(this.#paths[index] ?? ""), uses: 0 };
    this.#open.delete(index);
    this.#open.set(index, entry);
    entry.uses++;
    try {
      return await work(await entry.file);
    } finally {
      entry.uses--;
      await this.#closeUnused(KEPT_FILES);
    }
  }

  async #closeUnused(kept: number): Promise<void> {
    for (const [index, { file, uses }] of this.#open) {
      if (this.#open.size <= kept) return;
      if (uses > 0) continue;
      this.#open.delete(index);
      await file.then(
        (open) => open.close(),
        () => {}, // it never opened
      );
    }
  }

  async stamp(names: readonly string[]): Promise<string> {
    const hash = hashing.hasher("sha256");
    let index = 0;
    for await (const { size, mtimeMs } of inOrder(names.length, 8, (i) => disk.stat(this.#paths[i] ?? ""))) {
      hash.update(JSON.stringify([names[index++], size, mtimeMs]));
    }
    return hash.digest();
  }

  close(): Promise<void> {
    return this.#closeUnused(0);
  }
}
