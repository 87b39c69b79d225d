// The cache of decoded images: its folder and its entries.
import { files, hashing, machine, paths, processes } from "#platform";
import { isAbandoned } from "../../io/abandoned.ts";
import { cacheFolder } from "../../platform/cache_folder.ts";
import { errorCode, explainSystemError } from "../../platform/errors.ts";
import type { Machine } from "../../platform/platform.ts";
import type { FormKey } from "./form.ts";

const { basename, join } = paths;

/** The cache's folder for decoded images, with an entry for each source and size. */
const IMAGES = "images";

/** The folder of decoded images: in $IMAGO_CACHE, else in imago in $XDG_CACHE_HOME, else in ~/.cache/imago. */
export const imageCacheFolder = (env: Machine["environment"] = machine.environment): string =>
  join(cacheFolder(env), IMAGES);

/** The folder name for a source at a size: recognisable for people, and unique per source. */
export function entryName(name: string, identity: string, size: FormKey): string {
  const shown = basename(name)
    .replaceAll(/[^\w.-]+/g, "_")
    .replace(/^\.+/, "")
    .slice(0, 40);
  const hash = hashing.sha256(JSON.stringify([identity, size])).slice(0, 12);
  const sides = typeof size === "number" ? String(size) : size.slice(0, 2).join("x");
  return `${shown === "" ? "images" : shown}-${sides}px-${hash}`;
}

/** .ENTRY.MARK.building: an unfinished entry, and the process that builds it. */
const BUILDING = /^\.(.+)\.([\w-]+)\.building$/;

/** The name under which this process builds an entry. */
export const buildingName = async (entry: string): Promise<string> =>
  `.${entry}.${await processes.mark()}.building`;

/**
 * The names of entries that dead processes left unfinished.
 * @param folder may be missing
 */
export async function abandonedBuilds(folder: string, entry?: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await files.list(folder).catch(() => [])) {
    const [, of, mark] = BUILDING.exec(name) ?? [];
    if (mark === undefined || (entry !== undefined && of !== entry)) continue;
    if (await isAbandoned(join(folder, name), mark)) found.push(name);
  }
  return found;
}

/** One source at one size, and its size on disk. */
export interface CacheEntry {
  /** Its name in the cache. */
  readonly name: string;
  /** Its folder. */
  readonly path: string;
  /** Size on disk. */
  readonly bytes: number;
  /** False for an unfinished entry of a dead process; the next run completes it. */
  readonly isComplete: boolean;
}

/** Lists the entries, and the unfinished ones of dead processes. @throws FileError */
export async function listImageCache(folder = imageCacheFolder()): Promise<CacheEntry[]> {
  try {
    const names = (await files.list(folder)).filter((name) => !name.startsWith(".")).sort();
    const all = [...names, ...(await abandonedBuilds(folder))];
    return await Promise.all(
      all.map(async (name) => ({
        name: BUILDING.exec(name)?.[1] ?? name,
        path: join(folder, name),
        bytes: await bytesIn(join(folder, name)),
        isComplete: !name.startsWith("."),
      })),
    );
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw explainSystemError(error, "read the folder", folder);
  }
}

/**
 * Removes all that `listImageCache` lists; on most systems this does not disturb runs that are reading.
 * @throws FileError
 */
export async function clearImageCache(folder = imageCacheFolder()): Promise<CacheEntry[]> {
  const entries = await listImageCache(folder);
  for (const { path, isComplete } of entries) {
    if (isComplete) await files.removeFolder(path);
    else await files.removeAll(path);
  }
  return entries;
}

async function bytesIn(folder: string): Promise<number> {
  const names = await files.list(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      files.stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
