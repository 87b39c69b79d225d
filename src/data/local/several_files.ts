// Parquet files or zip archives of one folder: chooses those of a split.

import { paths as pathnames } from "#platform";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { joined, type Part } from "./joined.ts";
import { refuseColumn } from "./kinds.ts";
import { parquetImages } from "./parquet_images.ts";
import { chooseFiles } from "./splits.ts";
import { zipImages } from "./zip_images.ts";

/**
 * Opens the parquet files of a split.
 * @param source the folder
 * @param files in it, with "/"
 * @throws DataError or FileError, in one line
 */
export async function parquetSplit(
  source: NamedSource,
  files: readonly string[],
  selection: SourceSelection,
): Promise<EncodedImages> {
  const { paths, left } = chooseFiles(source.name, files, selection.split);
  return withLeft(source, await parquetImages(source, paths, selection), left);
}

/**
 * Opens the archives of a split.
 * @param source the folder
 * @param files in it, with "/"
 * @throws DataError or FileError, in one line
 */
export async function zipSplit(
  source: NamedSource,
  files: readonly string[],
  selection: SourceSelection,
): Promise<EncodedImages> {
  const { name, path } = source;
  refuseColumn(name, selection, "a zip archive");
  const [first, ...others] = files;
  if (first !== undefined && others.length === 0) {
    return zipImages({ name, path: pathnames.join(path, first) }, selection);
  }
  const { split, ...rest } = selection;
  const { paths, left } = chooseFiles(name, files, split);
  return withLeft(source, await zipsAsOne(source, paths, rest), left);
}

/**
 * Opens several archives as one source.
 * @param files archives in the folder, with "/", in reading order
 */
export async function zipsAsOne(
  { name, path }: NamedSource,
  files: readonly string[],
  selection: SourceSelection,
): Promise<EncodedImages> {
  const parts: Part[] = [];
  try {
    for (const file of files) {
      const archive = { name: `${name}: ${file}`, path: pathnames.join(path, file) };
      parts.push({ prefix: `${file}/`, images: await zipImages(archive, selection) });
    }
    return joined(parts);
  } catch (error) {
    for (const { images } of parts) await images.close();
    throw error;
  }
}

function withLeft({ name }: NamedSource, encoded: EncodedImages, left: readonly string[]): EncodedImages {
  if (left.length === 0) return encoded;
  const warning = `${name}: the split train is read, not ${left.join(", ")}`;
  return { ...encoded, warnings: [warning, ...encoded.warnings] };
}
