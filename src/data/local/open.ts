/** Tells what kind of source a path is, and opens it. */
import { files as disk, paths as pathnames } from "#platform";
import { isMissing } from "../../io/errors.ts";
import { DataError } from "../errors.ts";
import type { EncodedImages, SourceSelection } from "./encoded.ts";
import { checkFolder, folderImages, isImageName, listedImages, listFolder } from "./files.ts";
import { joined, type Part } from "./joined.ts";
import { parquetImages } from "./parquet_images.ts";
import { chooseFiles } from "./splits.ts";
import { zipImages } from "./zip_images.ts";

const { basename, dirname, extname, inside, join } = pathnames;

const isParquet = (path: string): boolean => extname(path).toLowerCase() === ".parquet";
const isZip = (path: string): boolean => extname(path).toLowerCase() === ".zip";

const FORMATS =
  "a folder of images or parquet files, a .zip, a .parquet, or a .txt with the path of an image a line";

/**
 * @param path a folder, a .zip, a .parquet (also with * in its name), or a list in a .txt
 * @param name what the user calls it, for errors
 * @throws DataError or FileError, in one line
 */
export async function openEncoded(
  path: string,
  selection: SourceSelection,
  name = path,
): Promise<EncodedImages> {
  const info = await disk.stat(path).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw new DataError(`${name}: it cannot be read; check its permissions`, { cause: error });
  });
  if (info === undefined) {
    if (/[*?]/.test(basename(path))) return parquetPattern(path, selection, name);
    throw new DataError(`${name}: there is no such folder or file; check the path`);
  }
  if (info.isFolder) return folder(path, selection, name);
  if (isZip(path)) {
    noColumn(name, selection, "a zip archive");
    return zipImages(name, path, selection);
  }
  if (isParquet(path)) return parquet(dirname(path), [basename(path)], selection, name);
  if (extname(path).toLowerCase() === ".txt") {
    noColumn(name, selection, "a list of files");
    return listedImages(name, path, selection);
  }
  throw new DataError(`${name}: this is a file of a kind that is not read; give ${FORMATS}`);
}

async function folder(path: string, selection: SourceSelection, name: string): Promise<EncodedImages> {
  await checkFolder(path);
  const files = await listFolder(path, (file) => isImageName(file) || isParquet(file) || isZip(file));
  const images = files.filter(isImageName);
  const tables = files.filter(isParquet);
  if (images.length > 0) {
    noColumn(name, selection, "a folder of images");
    const encoded = await folderImages(name, path, images, selection);
    if (tables.length === 0) return encoded;
    const warning = `${name}: the images are read, and ${tables.length} parquet files left out; give ${join(path, "*.parquet")} to read those`;
    return { ...encoded, warnings: [...encoded.warnings, warning] };
  }
  if (tables.length > 0) return parquet(path, tables, selection, name);
  const archives = files.filter(isZip);
  if (archives.length === 0) {
    throw new DataError(
      `${name}: no images in this folder; put JPEG, PNG, WebP, GIF, TIFF or AVIF files there, or give ${FORMATS}`,
    );
  }
  noColumn(name, selection, "a zip archive");
  const [first, ...others] = archives;
  if (first !== undefined && others.length === 0) return zipImages(name, join(path, first), selection);
  const { split, ...rest } = selection;
  const { paths, left } = chooseFiles(name, archives, split);
  return withLeft(name, await zips(name, path, paths, rest), left);
}

/** @param paths of archives, from the folder `root` */
async function zips(
  name: string,
  root: string,
  paths: readonly string[],
  selection: SourceSelection,
): Promise<EncodedImages> {
  const parts: Part[] = [];
  try {
    for (const path of paths) {
      const images = await zipImages(`${name}: ${path}`, join(root, path), selection);
      parts.push({ prefix: `${path}/`, images });
    }
    return joined(parts);
  } catch (error) {
    for (const { images } of parts) await images.close();
    throw error;
  }
}

/** Files that belong together, chosen already. */
export interface ImageFiles {
  readonly kind: "parquet" | "zip" | "folder";
  /** What the paths lie in: names of images are told from here. */
  readonly root: string;
  /** Absolute, in the order in which they are read; of a folder its own path alone. */
  readonly paths: readonly string[];
}

/** @throws DataError or FileError, in one line */
export async function openEncodedFiles(
  { kind, root, paths }: ImageFiles,
  { imageColumn, labelColumn }: SourceSelection,
  name: string,
): Promise<EncodedImages> {
  const selection = {
    ...(imageColumn !== undefined && { imageColumn }),
    ...(labelColumn !== undefined && { labelColumn }),
  };
  const [first] = paths;
  if (first === undefined) throw new DataError(`${name}: no files to read`);
  if (kind === "folder") return folder(first, selection, name);
  const names = paths.map((path) => inside(root, path));
  if (kind === "parquet") return parquetImages(name, root, names, selection);
  noColumn(name, selection, "a zip archive");
  return paths.length === 1 ? zipImages(name, first, selection) : zips(name, root, names, selection);
}

async function parquetPattern(
  path: string,
  selection: SourceSelection,
  name: string,
): Promise<EncodedImages> {
  const folder = dirname(path);
  const pattern = basename(path).replaceAll(/[.+^${}()|[\]\\]/g, "\\$&");
  const matches = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
  await checkFolder(folder);
  const files = await listFolder(folder, (file) => isParquet(file) && matches.test(file));
  const here = files.filter((file) => !file.includes("/"));
  if (here.length === 0) throw new DataError(`${name}: no parquet file matches; check the pattern`);
  return parquet(folder, here, selection, name);
}

async function parquet(
  path: string,
  files: readonly string[],
  selection: SourceSelection,
  name: string,
): Promise<EncodedImages> {
  const { paths, left } = chooseFiles(name, files, selection.split);
  return withLeft(name, await parquetImages(name, path, paths, selection), left);
}

function withLeft(name: string, encoded: EncodedImages, left: readonly string[]): EncodedImages {
  if (left.length === 0) return encoded;
  const warning = `${name}: the split train is read, not ${left.join(", ")}`;
  return { ...encoded, warnings: [warning, ...encoded.warnings] };
}

function noColumn(name: string, { imageColumn }: SourceSelection, kind: string): void {
  if (imageColumn === undefined) return;
  throw new DataError(
    `${name}: ${kind} has no columns of images such as ${JSON.stringify(imageColumn)}; leave it out`,
  );
}
