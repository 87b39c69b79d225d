// Images that are files on disk: those of a folder and its subfolders, or of a list.
import { files, hashing, paths as pathnames } from "#platform";
import { foreignContent } from "../../io/foreign.ts";
import { errorCode, firstLine } from "../../platform/errors.ts";
import type { FolderEntry } from "../../platform/platform.ts";
import { DataError } from "../errors.ts";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { labelsOfFiles } from "./file_labels.ts";
import { inOrder } from "./in_order.ts";
import { MAX_METADATA_BYTES } from "./metadata.ts";
import { chooseImages } from "./splits.ts";

const { dirname, extname, join, resolve } = pathnames;

/** Extensions of images. Unsupported ones (bmp, heic, ...) are included so that they are reported, not skipped. */
const IMAGE_EXTENSIONS: ReadonlySet<string> = new Set(
  ".jpg .jpeg .jpe .jfif .png .apng .webp .gif .tif .tiff .avif .bmp .heic .heif .jxl .jp2".split(" "),
);

/** Largest accepted image file (bytes). */
const MAX_IMAGE_BYTES = 2 ** 30;
/** Largest accepted list (bytes). */
const MAX_LIST_BYTES = 2 ** 28;
/** Number of concurrent stat calls. */
const STATS_AT_ONCE = 32;

/** Whether a name has an image's extension. */
export const isImageName = (path: string): boolean => IMAGE_EXTENSIONS.has(extname(path).toLowerCase());

/**
 * The images of a folder.
 * @param paths of its images and metadata files, from `listFolder`
 */
export async function folderImages(
  { name, path: folder }: NamedSource,
  paths: readonly string[],
  { split, labelColumn }: SourceSelection,
): Promise<EncodedImages> {
  const images = chooseImages(name, paths, split);
  const found = await labeledImages(name, images, (path) => join(folder, path), labelColumn);
  return {
    ...found,
    identity: JSON.stringify(["folder", await files.realPath(folder), split ?? null]),
  };
}

/**
 * The images listed in a text file, one path per line, relative to the list's folder.
 * @throws DataError, in one line, for a list that cannot be read or is empty
 */
export async function listedImages(
  { name, path: list }: NamedSource,
  { split, labelColumn }: SourceSelection,
): Promise<EncodedImages> {
  const text = await readText(list, MAX_LIST_BYTES);
  const foreign = foreignContent(text ?? "", "a list of files");
  if (foreign !== undefined) throw new DataError(`${name}: this is ${foreign}`);
  const lines = (text ?? "").replace(/^\uFEFF/, "").split(/\r?\n/);
  const paths = lines.map((line) => line.trim()).filter((line) => line !== "");
  if (paths.length === 0)
    throw new DataError(`${name}: no paths in this list; write the path of an image a line`);
  if (paths.some((path) => path.includes("\0"))) {
    throw new DataError(`${name}: this is no text file; write the path of an image a line`);
  }
  const images = chooseImages(name, paths, split);
  const folder = dirname(list);
  const found = await labeledImages(name, images, (path) => resolve(folder, path), labelColumn);
  return {
    ...found,
    identity: JSON.stringify(["list", await files.realPath(list), split ?? null]),
  };
}

/** @param place where a path of `images`, or of a file of labels beside them, lies */
async function labeledImages(
  name: string,
  images: readonly string[],
  place: (path: string) => string,
  labelColumn: string | undefined,
): Promise<Omit<EncodedImages, "identity">> {
  const tree = { name, paths: images, readText: (path: string) => readText(place(path)) };
  const labels = await labelsOfFiles(tree, labelColumn);
  return { ...fileImages(images, place), ...labels };
}

function fileImages(
  paths: readonly string[],
  place: (path: string) => string,
): Pick<EncodedImages, "count" | "nameOf" | "content" | "stamp" | "close"> {
  const pathOf = (index: number): string => {
    const path = paths[index];
    if (path === undefined) throw new RangeError(`there is no image ${index}`);
    return path;
  };
  return {
    count: paths.length,
    nameOf: pathOf,
    content: (index) => readImage(place(pathOf(index))),
    async stamp() {
      const hash = hashing.hasher("sha256");
      const look = (index: number) => files.stat(place(pathOf(index))).catch(() => undefined);
      let index = 0;
      for await (const info of inOrder(paths.length, STATS_AT_ONCE, look)) {
        hash.update(JSON.stringify([paths[index++], info?.size ?? -1, info?.mtimeMs ?? -1]));
      }
      return hash.digest();
    },
    close: async () => {},
  };
}

async function readImage(path: string): Promise<Uint8Array> {
  const file = await files.open(path);
  try {
    if ((await file.size()) > MAX_IMAGE_BYTES) throw new Error(`more than ${MAX_IMAGE_BYTES} bytes`);
    return await file.readAll();
  } finally {
    await file.close();
  }
}

/** Undefined when the file does not exist. @throws DataError */
async function readText(path: string, most = MAX_METADATA_BYTES): Promise<string | undefined> {
  try {
    const { size } = await files.stat(path);
    if (size > most) throw new DataError(`${path}: ${size} bytes, where at most ${most} are read`);
    return await files.readText(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    if (errorCode(error) === "ENOENT") return undefined;
    throw new DataError(`${path}: cannot be read: ${firstLine(error)}`, { cause: error });
  }
}

/** @throws DataError unless this is a readable folder */
export async function checkFolder(folder: string): Promise<void> {
  try {
    const info = await files.stat(folder);
    if (!info.isFolder) throw new DataError(`${folder}: this is a file; give a folder of images`);
    await files.checkFolderReadable(folder);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const problem =
      errorCode(error) === "ENOENT"
        ? "there is no such folder; check the path"
        : "this folder may not be read; check its permissions";
    throw new DataError(`${folder}: ${problem}`, { cause: error });
  }
}

/**
 * Paths of the `wanted` files below a folder, with "/", sorted by code unit so that the order is the same on any
 * machine. Hidden files and folders are skipped.
 */
export async function listFolder(folder: string, wanted: (name: string) => boolean): Promise<string[]> {
  const found: string[] = [];
  const seen = new Set<string>();
  const walk = async (inside: string): Promise<void> => {
    const here = join(folder, inside);
    const real = await files.realPath(here);
    if (seen.has(real)) return; // a link to a parent folder
    seen.add(real);
    for (const entry of await files.entries(here)) {
      if (entry.name.startsWith(".")) continue;
      const path = inside === "" ? entry.name : `${inside}/${entry.name}`;
      if (await isFolder(entry, here)) await walk(path);
      else if (wanted(entry.name)) found.push(path);
    }
  };
  try {
    await walk("");
  } catch (error) {
    throw new DataError(`${folder}: the folder cannot be listed: ${firstLine(error)}`, { cause: error });
  }
  return found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Follows links; a broken link counts as a file, and is reported when it is read. */
async function isFolder(entry: FolderEntry, parent: string): Promise<boolean> {
  if (entry.kind !== "link") return entry.kind === "folder";
  return files.stat(resolve(parent, entry.name)).then(
    (info) => info.isFolder,
    () => false,
  );
}
