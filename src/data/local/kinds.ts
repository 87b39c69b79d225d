// What files are by their names, and what can be asked of each kind.

import { paths } from "#platform";
import { DataError } from "../errors.ts";
import type { SourceSelection } from "./encoded.ts";

/** What is read, in words. */
export const FORMATS =
  "a folder of images or parquet files, a .zip, a .parquet, or a .txt with the path of an image a line";

export const isParquet = (path: string): boolean => paths.extname(path).toLowerCase() === ".parquet";
export const isZip = (path: string): boolean => paths.extname(path).toLowerCase() === ".zip";

/** @throws DataError where a column of images was asked for, of a kind of source that has no columns */
export function refuseColumn(name: string, { imageColumn }: SourceSelection, kind: string): void {
  if (imageColumn === undefined) return;
  throw new DataError(
    `${name}: ${kind} has no columns of images such as ${JSON.stringify(imageColumn)}; leave it out`,
  );
}
