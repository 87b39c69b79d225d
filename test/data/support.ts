// Images and folders for the tests of data sources.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { type Folder, freshFolder } from "../support/folder.ts";

/** A parquet file of the fixtures, which tools/python/parquet_images.py made. */
export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/data/${name}.parquet`, import.meta.url));

/** The colour of image i of the fixtures. */
export const fixtureColor = (i: number): number[] => [20 * i, 255 - 20 * i, 7 * i];

/** A PNG of one colour. */
export const png = (color: readonly [number, number, number], side = 8): Promise<Buffer> =>
  sharp({
    create: {
      width: side,
      height: side,
      channels: 3,
      background: { r: color[0], g: color[1], b: color[2] },
    },
  })
    .png()
    .toBuffer();

/** An empty folder for each test. */
export function workFolder(): {
  path: Folder;
  put: (name: string, content: string | Uint8Array) => Promise<void>;
} {
  const path = freshFolder();
  return {
    path,
    async put(name, content) {
      await mkdir(dirname(path(name)), { recursive: true });
      await writeFile(path(name), content);
    },
  };
}
