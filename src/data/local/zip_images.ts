// The images in a zip archive, unpacked one at a time.
import { files } from "#platform";
import { IMAGE_FORMATS } from "../../io/image/index.ts";
import { openZip, type ZipEntry } from "../../io/zip.ts";
import { FileError, firstLine } from "../../platform/errors.ts";
import { DataError } from "../errors.ts";
import { isHidden, isTable } from "./archive_names.ts";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { labelsOfFiles } from "./file_labels.ts";
import { fileStamp } from "./file_stamp.ts";
import { isImageName } from "./files.ts";
import { refuseColumn } from "./kinds.ts";
import { MAX_METADATA_BYTES } from "./metadata.ts";
import { chooseImages } from "./splits.ts";

/**
 * The images in the order of their paths. Skips hidden files and those that macOS adds to archives.
 * @throws FileError for an archive that is damaged or suspicious, DataError for one without images
 */
export async function zipImages(
  { name, path }: NamedSource,
  selection: SourceSelection,
): Promise<EncodedImages> {
  refuseColumn(name, selection, "a zip archive");
  const { split, labelColumn } = selection;
  const archive = await openZip(path, isWanted);
  try {
    const entries = new Map(archive.entries.map((entry) => [entry.name, entry]));
    const all = [...entries.keys()].filter(isImageName).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    if (all.length === 0) {
      throw new DataError(`${name}: no images in this archive; give one of ${IMAGE_FORMATS} files`);
    }
    const paths = chooseImages(name, all, split);
    const entryOf = (index: number): ZipEntry => {
      const entry = entries.get(paths[index] ?? "");
      if (entry === undefined) throw new RangeError(`${name}: there is no image ${index}`);
      return entry;
    };
    const readText = async (file: string): Promise<string | undefined> => {
      const entry = entries.get(file);
      if (entry === undefined) return undefined;
      if (entry.bytes > MAX_METADATA_BYTES) {
        throw new DataError(
          `${name}: ${file} has ${entry.bytes} bytes, where ${MAX_METADATA_BYTES} are read`,
        );
      }
      try {
        return new TextDecoder().decode(await readEntry(entry));
      } catch (error) {
        const problem = firstLine(error);
        throw new DataError(`${name}: ${file} cannot be read: ${problem}`, { cause: error });
      }
    };
    const readEntry = async (entry: ZipEntry): Promise<Uint8Array> => {
      try {
        return await archive.read(entry);
      } catch (error) {
        // An error in one file does not fail the archive.
        throw error instanceof FileError ? new Error(error.problem, { cause: error }) : error;
      }
    };
    const found = await labelsOfFiles({ name, paths, readText }, labelColumn);
    return {
      count: paths.length,
      nameOf: (index) => entryOf(index).name,
      ...found,
      content: (index) => readEntry(entryOf(index)),
      identity: JSON.stringify(["zip", await files.realPath(path), split ?? null]),
      stamp: () => fileStamp(path),
      close: () => archive.close(),
    };
  } catch (error) {
    await archive.close();
    throw error;
  }
}

const isWanted = (path: string): boolean => !isHidden(path) && (isImageName(path) || isTable(path));
