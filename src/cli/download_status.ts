// The status line during downloads from the Hugging Face Hub.

import type { FetchProgress } from "../io/hub/index.ts";
import type { Status } from "./progress.ts";
import { bytes, counted } from "./wording.ts";

export function downloadStatus(
  source: string,
  { files, totalFiles, bytes: have, totalBytes }: FetchProgress,
): Status {
  const parts = [`downloading ${source}`, `${bytes(have)} of ${bytes(totalBytes)}`];
  if (totalFiles > 1) parts.push(`${files} of ${counted(totalFiles, "file")}`);
  return { share: totalBytes === 0 ? 1 : have / totalBytes, parts };
}
