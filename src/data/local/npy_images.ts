// The images of one array of NumPy in a .npy file.
import { files, paths } from "#platform";
import { fileRange } from "../../io/byte_range.ts";
import { readNpyHeader } from "../../io/npy.ts";
import { openFile } from "../../io/open_file.ts";
import { errorCode, explainSystemError, FileError, firstLine } from "../../platform/errors.ts";
import { DataError } from "../errors.ts";
import { arrayImages } from "./array_images.ts";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { fileStamp } from "./file_stamp.ts";
import { refuseColumn, refuseSplit } from "./kinds.ts";

/** @throws FileError for a file that is damaged, DataError for an array that is none of images */
export async function npyImages(
  { name, path }: NamedSource,
  selection: SourceSelection,
): Promise<EncodedImages> {
  refuseColumn(name, selection, "a .npy file");
  refuseSplit(name, selection, "a .npy file");
  if (selection.labelColumn !== undefined) {
    throw new DataError(
      `${name}: a .npy file is one array, without labels; save images and labels as a .npz, with numpy.savez`,
    );
  }
  const file = await openFile(path);
  try {
    const range = fileRange(file, 0, await file.size());
    const array = await readNpyHeader(range);
    const images = arrayImages(name, array, "npy", async () => range);
    const base = paths.basename(path);
    return {
      ...images,
      nameOf: (index) => `${base}:${index}`,
      identity: JSON.stringify(["npy", await files.realPath(path)]),
      stamp: () => fileStamp(path),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    if (error instanceof DataError) throw error;
    if (errorCode(error) !== undefined) throw explainSystemError(error, "read the file", path);
    throw error instanceof FileError ? error : new FileError(name, firstLine(error), { cause: error });
  }
}
