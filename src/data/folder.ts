// A folder of images as a data set, prepared as torchvision's Resize(size) and CenterCrop(size) prepare it.
import { DataError } from "./errors.ts";
import type { SourceSelection } from "./local/encoded.ts";
import { checkFolder, folderImages, isImageName, listFolder } from "./local/files.ts";
import { type LocalImages, type LocalOptions, localImages } from "./local/source.ts";

/** How the images of a folder are read. */
export interface FolderOptions extends LocalOptions, Pick<SourceSelection, "split" | "labelColumn"> {}

/** A folder's images, and what there is to say about them. */
export interface FolderSource extends LocalImages {
  /** Paths inside the folder, with "/", in the order of the images. */
  readonly files: readonly string[];
}

/**
 * Reads all images in a folder and the folders in it, in the order of their paths; each is scaled so that its
 * shorter side is `size`, and its middle square kept. Files are told by their content; hidden files and files
 * whose names promise no image are passed over.
 * @throws DataError, in one line, if the folder is missing, not a folder, or has no images; if a file is broken
 */
export async function imageFolder(folder: string, options: FolderOptions): Promise<FolderSource> {
  await checkFolder(folder);
  const paths = await listFolder(folder, isImageName);
  if (paths.length === 0) {
    throw new DataError(
      `${folder}: no images in this folder; put JPEG, PNG, WebP, GIF, TIFF or AVIF files there`,
    );
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
