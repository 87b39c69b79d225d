// Parquet files or archives of one folder: chooses those of a split.

import { paths as pathnames } from "#platform";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { joined, type Part } from "./joined.ts";
import { isTar } from "./kinds.ts";
import { parquetImages } from "./parquet_images.ts";
import { chooseFiles } from "./splits.ts";
import { tarImages } from "./tar_images.ts";
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
export async function archiveSplit(
  source: NamedSource,
  files: readonly string[],
  selection: SourceSelection,
): Promise<EncodedImages> {
  const { name, path } = source;
  const [first, ...others] = files;
  if (first !== undefined && others.length === 0) {
    return archiveImages({ name, path: pathnames.join(path, first) }, selection);
  }
  const { split, ...rest } = selection;
  const { paths, left } = chooseFiles(name, files, split);
  return withLeft(source, await archivesAsOne(source, paths, rest), left);
}

/** Opens an archive by the extension of its name. */
export const archiveImages = (source: NamedSource, selection: SourceSelection): Promise<EncodedImages> =>
  isTar(source.path) ? tarImages(source, selection) : zipImages(source, selection);

/**
 * Opens several archives as one source.
 * @param files archives in the folder, with "/", in reading order
 */
export async function archivesAsOne(
  { name, path }: NamedSource,
  files: readonly string[],
  selection: SourceSelection,
): Promise<EncodedImages> {
  const parts: Part[] = [];
  try {
    for (const file of files) {
      const archive = { name: `${name}: ${file}`, path: pathnames.join(path, file) };
      parts.push({ prefix: `${file}/`, images: await archiveImages(archive, selection) });
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
