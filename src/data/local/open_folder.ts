// Opens a folder by its contents: images, parquet files, or archives.

import { paths } from "#platform";
import { IMAGE_FORMATS } from "../../io/image/index.ts";
import { DataError } from "../errors.ts";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { checkFolder, folderImages, isImageName, listFolder } from "./files.ts";
import { FORMATS, isNpy, isNpz, isParquet, isTar, isZip, refuseColumn } from "./kinds.ts";
import { archiveSplit, parquetSplit } from "./several_files.ts";

/** What a folder may hold in place of images. */
const OTHERS = [isParquet, isZip, isTar, isNpy, isNpz];

/** @throws DataError or FileError, in one line */
export async function openFolder(source: NamedSource, selection: SourceSelection): Promise<EncodedImages> {
  const { name, path } = source;
  await checkFolder(path);
  const files = await listFolder(
    path,
    (file) => isImageName(file) || OTHERS.some((isOther) => isOther(file)),
  );
  const images = files.filter(isImageName);
  const tables = files.filter(isParquet);
  if (images.length > 0) {
    refuseColumn(name, selection, "a folder of images");
    const encoded = await folderImages(source, images, selection);
    const [other, ...more] = files.filter((file) => !isImageName(file));
    if (other === undefined) return encoded;
    const extensions = new Set([other, ...more].map((file) => paths.extname(file).toLowerCase()));
    const warning = `${name}: the images are read, and ${more.length + 1} other files left out (${[...extensions].join(", ")}); give those by their names, such as ${paths.join(path, other)}`;
    return { ...encoded, warnings: [...encoded.warnings, warning] };
  }
  if (tables.length > 0) return parquetSplit(source, tables, selection);
  for (const isArchive of [isZip, isTar]) {
    const archives = files.filter(isArchive);
    if (archives.length > 0) return archiveSplit(source, archives, selection);
  }
  const array = files.find((file) => isNpy(file) || isNpz(file));
  if (array !== undefined) {
    const example = paths.join(path, array);
    throw new DataError(
      `${name}: no images in this folder, but arrays; give one of them, such as ${example}`,
    );
  }
  throw new DataError(
    `${name}: no images in this folder; put ${IMAGE_FORMATS} files there, or give ${FORMATS}`,
  );
}
