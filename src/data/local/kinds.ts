// The kinds of sources by file name, and which options each supports.

import { paths } from "#platform";
import { DataError } from "../errors.ts";
import type { SourceSelection } from "./encoded.ts";

/** The supported formats, in words. */
export const FORMATS =
  "a folder of images, archives or parquet files, a .zip or .tar, a .parquet, a .npy or .npz, or a .txt with the path of an image a line";

export const isParquet = (path: string): boolean => paths.extname(path).toLowerCase() === ".parquet";
export const isNpy = (path: string): boolean => paths.extname(path).toLowerCase() === ".npy";
export const isNpz = (path: string): boolean => paths.extname(path).toLowerCase() === ".npz";
export const isTar = (path: string): boolean => paths.extname(path).toLowerCase() === ".tar";
/** A tar archive in another packing, which can only be read from its start. */
export const isPackedTar = (path: string): boolean => /\.(?:tar\.\w+|tgz|tbz2?|txz|tzst)$/i.test(path);
export const isZip = (path: string): boolean => paths.extname(path).toLowerCase() === ".zip";

/** @throws DataError where `imageColumn` is given for a kind of source without columns */
export function refuseColumn(name: string, { imageColumn }: SourceSelection, kind: string): void {
  if (imageColumn === undefined) return;
  throw new DataError(
    `${name}: ${kind} has no columns of images such as ${JSON.stringify(imageColumn)}; leave it out`,
  );
}

/** @throws DataError where `split` is given for a kind of source without parts */
export function refuseSplit(name: string, { split }: SourceSelection, kind: string): void {
  if (split === undefined) return;
  throw new DataError(`${name}: ${kind} has no splits such as ${JSON.stringify(split)}; leave it out`);
}
