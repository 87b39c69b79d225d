/** Any local source of images as a data set. */
import type { SourceSelection } from "./local/encoded.ts";
import { openEncoded } from "./local/open.ts";
import { parquetImages } from "./local/parquet_images.ts";
import { type LocalImages, type LocalOptions, localImages } from "./local/source.ts";

export interface OpenImagesOptions extends LocalOptions, SourceSelection {
  /** What the user calls the source, for errors and records. Default: the path. */
  readonly name?: string;
  /** Of a folder of parquet files these only, whatever their names say of splits: paths in it, with "/". */
  readonly files?: readonly string[];
}

/**
 * Opens a folder of images or of parquet files, a .zip, a .parquet (or several, with * in the name), or a .txt with the
 * path of an image a line. Each image is scaled so that its shorter side is `size`, and its middle square kept. Images
 * that take more than `memoryLimit` are decoded once into the cache on the disk and read from there.
 * @throws DataError or FileError, in one line, for what is missing, damaged, or looks like an attack; the signal's reason
 */
export async function openImages(path: string, options: OpenImagesOptions): Promise<LocalImages> {
  const { name = path, files, labelColumn } = options;
  const encoded =
    files === undefined
      ? await openEncoded(path, options, name)
      : await parquetImages(name, path, files, options);
  return localImages(name, encoded, options, labelColumn === undefined ? "found" : "asked for");
}
