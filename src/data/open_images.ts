// Any local source of images as a data set.
import type { SourceSelection } from "./local/encoded.ts";
import { type ImageFiles, openEncoded, openEncodedFiles } from "./local/open.ts";
import { type LocalImages, type LocalOptions, localImages } from "./local/source.ts";

/** How a source of images is read, whatever it is: built-in, a folder, a file or a data set of the Hub. */
export interface OpenImagesOptions extends LocalOptions, SourceSelection {
  /** What the user calls the source, for errors and records. Default: the path. */
  readonly name?: string;
}

/**
 * Opens a folder of images or of parquet files, a .zip, a .parquet (or several, with * in the name), or a .txt with the
 * path of an image a line. Each image is scaled so that its shorter side is `size`, and its middle square kept. Images
 * that take more than `memoryLimit` are decoded once into the cache on the disk and read from there.
 * @throws DataError or FileError, in one line, for what is missing, damaged, or looks like an attack; the signal's reason
 */
export async function openImages(path: string, options: OpenImagesOptions): Promise<LocalImages> {
  const { name = path, labelColumn } = options;
  const encoded = await openEncoded({ name, path }, options);
  return localImages(name, encoded, options, labelColumn === undefined ? "found" : "asked for");
}

/**
 * The same for files that were chosen already, such as those of a data set that was downloaded.
 * @param options `split` does not matter any more; `name` stands for the files in errors and in records
 * @throws DataError or FileError, in one line; the signal's reason
 */
export async function openImageFiles(
  files: ImageFiles,
  options: OpenImagesOptions & { readonly name: string },
): Promise<LocalImages> {
  const { name, labelColumn } = options;
  const encoded = await openEncodedFiles(files, name, options);
  return localImages(name, encoded, options, labelColumn === undefined ? "found" : "asked for");
}
