/** A folder of images as a data set, prepared as torchvision's Resize(size) and CenterCrop(size) prepare it. */
import { createHash } from "node:crypto";
import { constants, type Dirent } from "node:fs";
import { access, readdir, readFile, realpath, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { extname, join, resolve } from "node:path";
import { decodeImage, resizeAndCrop } from "../io/image/index.ts";
import { DataError } from "./errors.ts";
import type { ImageSource } from "./image_source.ts";

/** Names that promise an image. Some are not read (bmp, heic, ...), and are reported rather than passed over. */
const IMAGE_EXTENSIONS: ReadonlySet<string> = new Set(
  ".jpg .jpeg .jpe .jfif .png .apng .webp .gif .tif .tiff .avif .bmp .heic .heif .jxl .jp2".split(" "),
);

/** How many broken files an error names. */
const NAMED = 5;

export interface FolderOptions {
  /** Height and width of the images, in pixels; 1..4096. */
  readonly size: number;
  /** Whether to mirror images at random in training; default false. */
  readonly flip?: boolean;
  /** What to do about files that cannot be read: fail (default), or leave them out with a warning. */
  readonly onBroken?: "error" | "skip";
  /** How the user asks for "skip", for the error that advises it. Default: in the words of this option. */
  readonly skipHint?: string;
  /** Files decoded at once; default the number of processors. */
  readonly concurrency?: number;
  /** Called after every file. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops the reading; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A folder's images, and what there is to say about them. */
export interface FolderSource extends ImageSource {
  /** Paths inside the folder, with "/", in the order of the images. */
  readonly files: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Reads all images in a folder and the folders in it, in the order of their paths; each is scaled so that its
 * shorter side is `size`, and its middle square kept. Files are told by their content; hidden files and files
 * whose names promise no image are passed over.
 * @throws DataError, in one line, if the folder is missing, not a folder, or has no images; if a file is broken
 */
export async function imageFolder(folder: string, options: FolderOptions): Promise<FolderSource> {
  const { size, flip = false, onBroken = "error", concurrency = availableParallelism(), skipHint } = options;
  checkWhole("size", size, 4096);
  checkWhole("concurrency", concurrency, 1024);
  await checkFolder(folder);
  const files = await listImages(folder);
  if (files.length === 0) {
    throw new DataError(
      `${folder}: no images in this folder; put JPEG, PNG, WebP, GIF, TIFF or AVIF files there`,
    );
  }
  const loaded = await loadAll(folder, files, options, concurrency);
  const broken = loaded.filter((item) => "problem" in item);
  const good = loaded.filter((item) => "pixels" in item);
  if (broken.length > 0 && (onBroken === "error" || good.length === 0)) {
    const skip = skipHint ?? 'load with onBroken "skip"';
    const advice = good.length === 0 ? "repair them" : `repair or remove them, or ${skip}`;
    throw new DataError(`${folder}: ${describe(broken, files.length)}; ${advice}`);
  }
  const warnings: string[] = [];
  if (broken.length > 0) warnings.push(`${folder}: left out: ${describe(broken, files.length)}`);
  if (good.length === 1) warnings.push(`${folder}: one image only: a model can only learn it by heart`);
  const hash = createHash("sha256").update(JSON.stringify(["folder-1", size]));
  for (const item of good) hash.update(JSON.stringify([item.file, item.digest]));
  const fingerprint = `sha256:${hash.digest("hex")}`;
  return {
    name: folder,
    count: good.length,
    size: { height: size, width: size },
    channels: 3,
    flip,
    files: good.map((item) => item.file),
    warnings,
    image(index) {
      const item = good[index];
      if (item === undefined) {
        throw new RangeError(`${folder}: there is no image ${index}; images are 0..${good.length - 1}`);
      }
      return item.pixels;
    },
    fingerprint: () => fingerprint,
  };
}

interface Loaded {
  readonly file: string;
  readonly digest: string;
  readonly pixels: Uint8Array;
}

interface Broken {
  readonly file: string;
  readonly problem: string;
}

/** Loads every file, `concurrency` at a time; the results stand in the files' order. */
async function loadAll(
  folder: string,
  files: readonly string[],
  { size, onProgress, signal }: FolderOptions,
  concurrency: number,
): Promise<(Loaded | Broken)[]> {
  const results: (Loaded | Broken)[] = new Array(files.length);
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < files.length; i = next++) {
      signal?.throwIfAborted();
      results[i] = await loadOne(folder, files[i]!, size);
      onProgress?.(++done, files.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, files.length) }, work));
  return results;
}

async function loadOne(folder: string, file: string, size: number): Promise<Loaded | Broken> {
  try {
    const bytes = await readFile(join(folder, file));
    const digest = createHash("sha256").update(bytes).digest("hex");
    return { file, digest, pixels: resizeAndCrop(await decodeImage(bytes), size) };
  } catch (error) {
    return { file, problem: error instanceof Error ? firstLine(error.message) : "unreadable" };
  }
}

function describe(broken: readonly Broken[], total: number): string {
  const named = broken.slice(0, NAMED).map(({ file, problem }) => `${JSON.stringify(file)} (${problem})`);
  const more = broken.length > NAMED ? ` and ${broken.length - NAMED} more` : "";
  return `${broken.length} of ${total === 1 ? "1 file" : `${total} files`} cannot be read as ${total === 1 ? "an image" : "images"}: ${named.join(", ")}${more}`;
}

async function checkFolder(folder: string): Promise<void> {
  try {
    const info = await stat(folder);
    if (!info.isDirectory()) throw new DataError(`${folder}: this is a file; give a folder of images`);
    await access(folder, constants.R_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const problem = missing
      ? "there is no such folder; check the path"
      : "this folder may not be read; check its permissions";
    throw new DataError(`${folder}: ${problem}`, { cause: error });
  }
}

/** Paths of the images below the folder, with "/", sorted by code unit so that the order is the same anywhere. */
async function listImages(folder: string): Promise<string[]> {
  const found: string[] = [];
  const seen = new Set<string>();
  const walk = async (inside: string): Promise<void> => {
    const here = join(folder, inside);
    const real = await realpath(here);
    if (seen.has(real)) return; // a link that leads back
    seen.add(real);
    for (const entry of await readdir(here, { withFileTypes: true })) {
      if (entry.name.startsWith(".")) continue;
      const path = inside === "" ? entry.name : `${inside}/${entry.name}`;
      if (await isFolder(entry, here)) await walk(path);
      else if (IMAGE_EXTENSIONS.has(extname(entry.name).toLowerCase())) found.push(path);
    }
  };
  try {
    await walk("");
  } catch (error) {
    const problem = error instanceof Error ? firstLine(error.message) : String(error);
    throw new DataError(`${folder}: the folder cannot be listed: ${problem}`, { cause: error });
  }
  return found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Follows links; a link to nowhere counts as a file, and is reported when it is read. */
async function isFolder(entry: Dirent, parent: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return stat(resolve(parent, entry.name)).then(
    (info) => info.isDirectory(),
    () => false,
  );
}

function checkWhole(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new DataError(`imageFolder: ${name} is ${value}; give a whole number from 1 to ${most}`);
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? text;
}
