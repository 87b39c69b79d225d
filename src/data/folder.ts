// A folder of images as a data set, prepared like torchvision's Resize(size) and CenterCrop(size).
import { IMAGE_FORMATS } from "../io/image/index.ts";
import { DataError } from "./errors.ts";
import type { SourceSelection } from "./local/encoded.ts";
import { checkFolder, folderImages, isImageName, listFolder } from "./local/files.ts";
import { type LocalImages, type LocalOptions, localImages } from "./local/source.ts";

/** Options for reading a folder of images. */
export interface FolderOptions extends LocalOptions, Pick<SourceSelection, "split" | "labelColumn"> {}

/** A folder's images, and information about them. */
export interface FolderSource extends LocalImages {
  /** Paths inside the folder, with "/", in the order of the images. */
  readonly files: readonly string[];
}

/**
 * Reads all images of a folder and its subfolders in the order of their paths, scales each so that its shorter side is
 * `size`, and keeps the central square. File formats are recognised by content; hidden files and files without an
 * image's extension are skipped.
 * @throws DataError, in one line, if the folder is missing, not a folder, or without images, or if a file is broken
 */
export async function imageFolder(folder: string, options: FolderOptions): Promise<FolderSource> {
  await checkFolder(folder);
  const paths = await listFolder(folder, isImageName);
  if (paths.length === 0) {
    throw new DataError(`${folder}: no images in this folder; put ${IMAGE_FORMATS} files there`);
  }
  const encoded = await folderImages({ name: folder, path: folder }, paths, options);
  const images = await localImages(
    folder,
    encoded,
    options,
    options.labelColumn === undefined ? "found" : "asked for",
  );
  return { ...images, files: Array.from({ length: images.count }, (_, index) => images.fileOf(index)) };
}
