// The built page and its documentation: the names of the build, their types, and their contents once they are asked for. A
// request for another name is for nothing.

import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

export interface PageFile {
  readonly type: string;
  /** Whether its name changes with its content, so that a browser may keep it. */
  readonly isLasting: boolean;
  /** Reads the file at the first call, and keeps it. */
  readonly read: () => Promise<Content>;
}

interface Content {
  readonly plain: Buffer;
  /** By gzip; undefined where that gains nothing. */
  readonly packed: Buffer | undefined;
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
  ".ts": "text/plain; charset=utf-8",
  ".woff2": "font/woff2",
};

/** Looks which files there are. @returns an empty map where it is not built */
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
    const path = name.split(/[\\/]/).join("/");
    found.set(`/${path}`, {
      type,
      isLasting: path.startsWith("assets/"),
      read: once(() => readPacked(join(folder, name))),
    });
  }
  const index = found.get("/index.html");
  if (index !== undefined) found.set("/", index);
  return found;
}

async function readPacked(file: string): Promise<Content> {
  const plain = await readFile(file);
  const packed = await promisify(gzip)(plain);
  return { plain, packed: packed.length < 0.9 * plain.length ? packed : undefined };
}

/** Does it at the first call; a failure is not kept. */
function once<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | undefined;
  return () => {
    result ??= work().catch((error: unknown) => {
      result = undefined;
      throw error;
    });
    return result;
  };
}
