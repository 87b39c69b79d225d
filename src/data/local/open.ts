// Recognises the kind of source at a path, and opens it.

import { files as disk, paths as pathnames } from "#platform";
import { isMissing } from "../../platform/errors.ts";
import { DataError } from "../errors.ts";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { listedImages } from "./files.ts";
import { FORMATS, isNpy, isNpz, isPackedTar, isParquet, isTar, isZip, refuseColumn } from "./kinds.ts";
import { npyImages } from "./npy_images.ts";
import { npzImages } from "./npz_images.ts";
import { openFolder } from "./open_folder.ts";
import { isPattern, openPattern } from "./open_pattern.ts";
import { parquetImages } from "./parquet_images.ts";
import { archiveImages, archivesAsOne, parquetSplit } from "./several_files.ts";

const { basename, dirname, extname, inside } = pathnames;

/**
 * Opens a source.
 * @param source a folder, a .zip, .tar or .parquet (also a pattern of names), a .npy or .npz, or a list in a .txt
 * @throws DataError or FileError, in one line
 */
export async function openEncoded(source: NamedSource, selection: SourceSelection): Promise<EncodedImages> {
  const { name, path } = source;
  const info = await disk.stat(path).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw new DataError(`${name}: it cannot be read; check its permissions`, { cause: error });
  });
  if (info === undefined) {
    if (isPattern(basename(path))) return openPattern(source, selection);
    throw new DataError(`${name}: there is no such folder or file; check the path`);
  }
  if (info.isFolder) return openFolder(source, selection);
  if (isParquet(path)) return parquetSplit({ name, path: dirname(path) }, [basename(path)], selection);
  if (isZip(path) || isTar(path)) return archiveImages(source, selection);
  if (isNpy(path)) return npyImages(source, selection);
  if (isNpz(path)) return npzImages(source, selection);
  if (extname(path).toLowerCase() === ".txt") {
    refuseColumn(name, selection, "a list of files");
    return listedImages(source, selection);
  }
  if (isPackedTar(path)) {
    throw new DataError(
      `${name}: a tar archive that is packed as a whole has no images to be read one by one; unpack it first (gunzip, unzstd, ...), and give the .tar`,
    );
  }
  throw new DataError(`${name}: this is a file of a kind that is not read; give ${FORMATS}`);
}

/** Chosen files that form one source. */
export interface ImageFiles {
  /** What the files are: parquet files, zip archives, or the images of one folder. */
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
  if (paths.length === 1) return archiveImages({ name, path: first }, selection);
  return archivesAsOne({ name, path: root }, files, selection);
}
