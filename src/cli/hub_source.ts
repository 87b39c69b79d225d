// --data hf:OWNER/NAME: a data set of the Hugging Face Hub on this machine, for the readers of local files.

import { fetchDataset, type HubDataset, parseHubName } from "../io/hub/index.ts";
import { downloadStatus } from "./download_status.ts";
import type { Output } from "./output.ts";

export interface HubSourceOptions {
  readonly split?: string | undefined;
  /** Ends a download. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Downloads a split of a data set, or finds it in the cache.
 * @param source hf:OWNER/NAME, with @REVISION if need be
 * @throws HubError, FileError, in one line
 */
export async function fetchHubSource(
  source: string,
  { split, signal }: HubSourceOptions,
  output: Output,
): Promise<HubDataset> {
  const { id, revision } = parseHubName(source);
  try {
    return await fetchDataset(id, {
      revision,
      split,
      signal,
      warn: output.warn,
      onProgress: (progress) => output.status(downloadStatus(source, progress)),
    });
  } finally {
    output.clear();
  }
}
