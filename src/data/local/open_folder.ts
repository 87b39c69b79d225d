// Opens a folder by its contents: images, parquet files, or zip archives.

import { paths } from "#platform";
import { IMAGE_FORMATS } from "../../io/image/index.ts";
import { DataError } from "../errors.ts";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { checkFolder, folderImages, isImageName, listFolder } from "./files.ts";
import { FORMATS, isParquet, isZip, refuseColumn } from "./kinds.ts";
import { parquetSplit, zipSplit } from "./several_files.ts";

/** @throws DataError or FileError, in one line */
export async function openFolder(source: NamedSource, selection: SourceSelection): Promise<EncodedImages> {
  const { name, path } = source;
  await checkFolder(path);
  const files = await listFolder(path, (file) => isImageName(file) || isParquet(file) || isZip(file));
  const images = files.filter(isImageName);
  const tables = files.filter(isParquet);
  if (images.length > 0) {
    refuseColumn(name, selection, "a folder of images");
    const encoded = await folderImages(source, images, selection);
    if (tables.length === 0) return encoded;
    const pattern = paths.join(path, "*.parquet");
    const warning = `${name}: the images are read, and ${tables.length} parquet files left out; give ${pattern} to read those`;
    return { ...encoded, warnings: [...encoded.warnings, warning] };
  }
  if (tables.length > 0) return parquetSplit(source, tables, selection);
  const archives = files.filter(isZip);
  if (archives.length > 0) return zipSplit(source, archives, selection);
  throw new DataError(
    `${name}: no images in this folder; put ${IMAGE_FORMATS} files there, or give ${FORMATS}`,
  );
}
