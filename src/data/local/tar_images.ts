// The images in a tar archive: in folders like those of a zip archive, or as samples of WebDataset.
import { files } from "#platform";
import { IMAGE_FORMATS } from "../../io/image/index.ts";
import { openFile } from "../../io/open_file.ts";
import { readTar, type TarEntry } from "../../io/tar.ts";
import { DataError } from "../errors.ts";
import { isHidden, isTable } from "./archive_names.ts";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { labelsOfFiles } from "./file_labels.ts";
import { fileStamp } from "./file_stamp.ts";
import { isImageName } from "./files.ts";
import { MAX_METADATA_BYTES } from "./metadata.ts";
import { chooseImages } from "./splits.ts";
import { isAboutSample, labelsOfSamples, samplesOf } from "./tar_samples.ts";

/** Largest accepted image file (bytes). */
const MAX_IMAGE_BYTES = 2 ** 30;

/**
 * The images in the order of their paths. Skips hidden files, links and what is neither an image nor about one.
 * @throws FileError for an archive that is damaged or suspicious, DataError for one without images
 */
export async function tarImages(
  { name, path }: NamedSource,
  { split, imageColumn, labelColumn }: SourceSelection,
): Promise<EncodedImages> {
  // A file that is there twice is the later one, as when it is unpacked.
  const entries = new Map((await readTar(path, isWanted)).map((entry) => [entry.name, entry]));
  const all = [...entries.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const found = samplesOf(name, all, imageColumn);
  const images = found?.samples.map(({ image }) => image) ?? all.filter(isImageName);
  if (images.length === 0) {
    throw new DataError(`${name}: no images in this archive; give one of ${IMAGE_FORMATS} files`);
  }
  const paths = chooseImages(name, images, split);
  const readText = async (file: string, most = MAX_METADATA_BYTES): Promise<string | undefined> => {
    const entry = entries.get(file);
    if (entry === undefined) return undefined;
    if (entry.bytes <= most) return new TextDecoder().decode(await readEntry(path, entry));
    throw new DataError(`${name}: ${file} has ${entry.bytes} bytes, where ${most} are read`);
  };
  const chosen = new Set(paths);
  const samples = found?.samples.filter(({ image }) => chosen.has(image)) ?? [];
  const labels =
    (await labelsOfSamples(name, samples, labelColumn, readText)) ??
    (await labelsOfFiles({ name, paths, readText }, labelColumn));
  return {
    count: paths.length,
    nameOf: (index) => paths[index] ?? "",
    ...labels,
    warnings: [...(found?.warnings ?? []), ...labels.warnings],
    async content(index) {
      const entry = entries.get(paths[index] ?? "");
      if (entry === undefined) throw new RangeError(`${name}: there is no image ${index}`);
      if (entry.bytes > MAX_IMAGE_BYTES) throw new Error(`more than ${MAX_IMAGE_BYTES} bytes`);
      return readEntry(path, entry);
    },
    identity: JSON.stringify(["tar", await files.realPath(path), split ?? null, imageColumn ?? null]),
    stamp: () => fileStamp(path),
    close: async () => {},
  };
}

async function readEntry(path: string, { offset, bytes }: TarEntry): Promise<Uint8Array> {
  const file = await openFile(path);
  try {
    return new Uint8Array(await file.read(offset, bytes));
  } finally {
    await file.close();
  }
}

const isWanted = (path: string): boolean =>
  !isHidden(path) && (isImageName(path) || isAboutSample(path) || isTable(path));
