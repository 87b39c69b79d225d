// Recognises the kind of source at a path, and opens it.

import { files as disk, paths as pathnames } from "#platform";
import { isMissing } from "../../platform/errors.ts";
import { DataError } from "../errors.ts";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { checkFolder, listedImages, listFolder } from "./files.ts";
import { FORMATS, isNpy, isNpz, isParquet, isZip, refuseColumn } from "./kinds.ts";
import { npyImages } from "./npy_images.ts";
import { npzImages } from "./npz_images.ts";
import { openFolder } from "./open_folder.ts";
import { parquetImages } from "./parquet_images.ts";
import { parquetSplit, zipsAsOne } from "./several_files.ts";
import { zipImages } from "./zip_images.ts";

const { basename, dirname, extname, inside } = pathnames;

/**
 * Opens a source.
 * @param source a folder, a .zip, a .parquet (also with * in its name), or a list in a .txt
 * @throws DataError or FileError, in one line
 */
export async function openEncoded(source: NamedSource, selection: SourceSelection): Promise<EncodedImages> {
  const { name, path } = source;
  const info = await disk.stat(path).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw new DataError(`${name}: it cannot be read; check its permissions`, { cause: error });
  });
  if (info === undefined) {
    if (/[*?]/.test(basename(path))) return matchingParquet(source, selection);
    throw new DataError(`${name}: there is no such folder or file; check the path`);
  }
  if (info.isFolder) return openFolder(source, selection);
  if (isParquet(path)) return parquetSplit({ name, path: dirname(path) }, [basename(path)], selection);
  if (isZip(path)) {
    refuseColumn(name, selection, "a zip archive");
    return zipImages(source, selection);
  }
  if (isNpy(path)) return npyImages(source, selection);
  if (isNpz(path)) return npzImages(source, selection);
  if (extname(path).toLowerCase() === ".txt") {
    refuseColumn(name, selection, "a list of files");
    return listedImages(source, selection);
  }
  throw new DataError(`${name}: this is a file of a kind that is not read; give ${FORMATS}`);
}

/** The parquet files of a folder that match a pattern. */
async function matchingParquet(
  { name, path }: NamedSource,
  selection: SourceSelection,
): Promise<EncodedImages> {
  const folder = dirname(path);
  const pattern = basename(path).replaceAll(/[.+^${}()|[\]\\]/g, "\\$&");
  const matches = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
  await checkFolder(folder);
  const files = await listFolder(folder, (file) => isParquet(file) && matches.test(file));
  const here = files.filter((file) => !file.includes("/"));
  if (here.length === 0) throw new DataError(`${name}: no parquet file matches; check the pattern`);
  return parquetSplit({ name, path: folder }, here, selection);
}

/** Chosen files that form one source. */
export interface ImageFiles {
  readonly kind: "parquet" | "zip" | "folder";
  /** The folder that the paths lie in; image names are relative to it. */
  readonly root: string;
  /** Absolute paths in reading order; for a folder, only its own path. */
  readonly paths: readonly string[];
}

/**
 * Opens chosen files.
 * @param name the user's name for the files, for errors
 * @throws DataError or FileError, in one line
 */
export async function openEncodedFiles(
  { kind, root, paths }: ImageFiles,
  name: string,
  { imageColumn, labelColumn }: SourceSelection,
): Promise<EncodedImages> {
  const selection = {
    ...(imageColumn !== undefined && { imageColumn }),
    ...(labelColumn !== undefined && { labelColumn }),
  };
  const [first] = paths;
  if (first === undefined) throw new DataError(`${name}: no files to read`);
  if (kind === "folder") return openFolder({ name, path: first }, selection);
  const files = paths.map((path) => inside(root, path));
  if (kind === "parquet") return parquetImages({ name, path: root }, files, selection);
  refuseColumn(name, selection, "a zip archive");
  if (paths.length === 1) return zipImages({ name, path: first }, selection);
  return zipsAsOne({ name, path: root }, files, selection);
}
