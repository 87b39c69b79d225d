// Sends a file of a folder, and nothing that is elsewhere.

import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { HttpError } from "./http_error.ts";

/** Paths in a folder that are served, with the type of each kind. */
export type Served = readonly (readonly [RegExp, string])[];

/** Most bytes of a growing file in one answer. */
const MOST_AT_ONCE = 2 ** 22;

/**
 * Sends a file of a folder.
 * @param path from the folder, with "/"
 * @param from first byte; with it at most some megabytes are sent, and "Imago-Next" says where to go on
 * @throws HttpError for a path that is not served
 */
export async function sendFolderFile(
  response: ServerResponse,
  folder: string,
  path: string,
  served: Served,
  from?: number,
): Promise<void> {
  const type = served.find(([pattern]) => pattern.test(path))?.[1];
  if (type === undefined || path.split("/").includes("..")) throw new HttpError(404, `${path} is not served`);
  const file = await inside(folder, path);
  const { size } = await stat(file);
  const start = from ?? 0;
  if (start > size) throw new HttpError(416, `${path} has ${size} bytes, not ${start}`);
  const end = from === undefined ? size : Math.min(size, start + MOST_AT_ONCE);
  response.setHeader("Content-Type", type);
  response.setHeader("Content-Length", end - start);
  response.setHeader("Cache-Control", "no-cache");
  if (from !== undefined) response.setHeader("Imago-Next", end);
  if (end === start) {
    response.end();
    return;
  }
  // A file that grows meanwhile is sent as long as it was; one that shrinks breaks the answer off.
  await pipeline(createReadStream(file, { start, end: end - 1 }), response);
}

/** The real path of a file in a folder. @throws HttpError where there is none, or a link leads out of the folder */
async function inside(folder: string, path: string): Promise<string> {
  try {
    const root = await realpath(folder);
    const real = await realpath(join(root, ...path.split("/")));
    if (real.startsWith(root + sep) && (await stat(real)).isFile()) return real;
  } catch {
    // There is no such file.
  }
  throw new HttpError(404, `${path} is not there`);
}
