/** Where decoded images are kept between runs, and what is kept there. */
import { createHash } from "node:crypto";
import { readdir, rm, stat } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { basename, isAbsolute, join } from "node:path";
import { removeFolder } from "../../io/atomic.ts";
import { errorCode, explainSystemError } from "../../io/errors.ts";
import { isAlive, processBegun } from "../../io/process_identity.ts";

/** Decoded images lie in this folder of the cache, an entry for each source and size. */
const IMAGES = "images";

/** $IMAGO_CACHE, else imago in $XDG_CACHE_HOME, else ~/.cache/imago; and in it the folder of decoded images. */
export function imageCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const { IMAGO_CACHE, XDG_CACHE_HOME } = env;
  if (IMAGO_CACHE !== undefined && IMAGO_CACHE !== "") return join(IMAGO_CACHE, IMAGES);
  // The XDG specification has relative paths ignored.
  const base =
    XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), ".cache");
  return join(base, "imago", IMAGES);
}

/** The folder's name of a source at a size: to be recognised by people, and different for every source. */
export function entryName(name: string, identity: string, size: number): string {
  const shown = basename(name)
    .replaceAll(/[^\w.-]+/g, "_")
    .replace(/^\.+/, "")
    .slice(0, 40);
  const hash = createHash("sha256")
    .update(JSON.stringify([identity, size]))
    .digest("hex")
    .slice(0, 12);
  return `${shown === "" ? "images" : shown}-${size}px-${hash}`;
}

/** .ENTRY.HOST-PID-BEGUN.building: an entry that a process is making, and which one. */
const BUILDING = /^\.(.+)\.([0-9a-f]{8})-(\d+)-([0-9a-f]{8})\.building$/;

const short = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);

/** The name under which this process makes an entry. */
export const buildingName = (entry: string): string =>
  `.${entry}.${short(hostname())}-${process.pid}-${short(processBegun(process.pid) ?? "")}.building`;

/**
 * Names under which processes of this machine that are gone left an entry half made.
 * @param folder which may be missing
 */
export async function abandonedBuilds(folder: string, entry?: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => {
    const [, of, host, pid, begun] = BUILDING.exec(name) ?? [];
    if (of === undefined || (entry !== undefined && of !== entry) || host !== short(hostname())) return false;
    return !isAlive(Number(pid)) || short(processBegun(Number(pid)) ?? "") !== begun;
  });
}

/** One source at one size, and what it takes on the disk. */
export interface CacheEntry {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** False for one that a process that is gone left half made; the next start goes on with it. */
  readonly isComplete: boolean;
}

/** What is kept, and what processes that are gone left half made. @throws FileError */
export async function listImageCache(folder = imageCacheFolder()): Promise<CacheEntry[]> {
  try {
    const names = (await readdir(folder)).filter((name) => !name.startsWith(".")).sort();
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

/** Removes all that `listImageCache` lists; runs that read it at this moment are not disturbed on most systems. @throws FileError */
export async function clearImageCache(folder = imageCacheFolder()): Promise<CacheEntry[]> {
  const entries = await listImageCache(folder);
  for (const { path, isComplete } of entries) {
    if (isComplete) await removeFolder(path);
    else await rm(path, { recursive: true, force: true });
  }
  return entries;
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
