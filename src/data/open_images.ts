// Any local source of images as a data set.
import type { SourceSelection } from "./local/encoded.ts";
import { type ImageFiles, openEncoded, openEncodedFiles } from "./local/open.ts";
import { type LocalImages, type LocalOptions, localImages } from "./local/source.ts";

/** Options for any source of images: built-in, a folder, a file or a data set of the Hub. */
export interface OpenImagesOptions extends LocalOptions, SourceSelection {
  /** The user's name for the source, for errors and records. Default: the path. */
  readonly name?: string;
}

/**
 * Opens a folder of images, archives or parquet files, a .zip, .tar or .parquet (or several, by a pattern), a .npy or .npz, or a .txt with one
 * image path per line. Each image is scaled so that its shorter side is `size`, and its central square kept. Data sets
 * larger than `memoryLimit` are decoded once into the disk cache and read from there.
 * @throws DataError or FileError, in one line, for anything missing, damaged, or suspicious; the signal's reason
 */
export async function openImages(path: string, options: OpenImagesOptions): Promise<LocalImages> {
  const { name = path, labelColumn } = options;
  const encoded = await openEncoded({ name, path }, options);
  return localImages(name, encoded, options, labelColumn === undefined ? "found" : "asked for");
}

/**
 * Opens chosen files, such as those of a downloaded data set, in the same way.
 * @param options `split` has no effect; `name` stands for the files in errors and records
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
