// Which files of an archive count.

import { paths } from "#platform";
import { METADATA_FILES } from "./metadata.ts";

/** Whether a file or one of its folders is hidden, or one of those that macOS adds to archives. */
export const isHidden = (path: string): boolean =>
  path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX");

/** Whether a file is a table about the images. */
export const isTable = (path: string): boolean =>
  METADATA_FILES.some((name) => name === paths.basename(path));
