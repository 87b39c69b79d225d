// The built page: all its files in memory, with their types and packed sizes. Names are those of the build; a request for
// another name is for nothing.

import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
  /** By gzip; undefined where that gains nothing. */
  readonly packed: Buffer | undefined;
  /** Whether its name changes with its content, so that a browser may keep it. */
  readonly isLasting: boolean;
}

/** By path from the page's address. */
export type PageFiles = ReadonlyMap<string, PageFile>;

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".webp": "image/webp",
  ".json": "application/json",
  ".woff2": "font/woff2",
};

/** Reads the page. @returns an empty map where it is not built */
export async function readPage(folder: string): Promise<PageFiles> {
  const found = new Map<string, PageFile>();
  let names: string[];
  try {
    names = await readdir(folder, { recursive: true });
  } catch {
    return found;
  }
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const content = await readFile(join(folder, name));
    const packed = await promisify(gzip)(content);
    const path = name.split(/[\\/]/).join("/");
    found.set(`/${path}`, {
      type,
      content,
      packed: packed.length < 0.9 * content.length ? packed : undefined,
      isLasting: path.startsWith("assets/"),
    });
  }
  const index = found.get("/index.html");
  if (index !== undefined) found.set("/", index);
  return found;
}
