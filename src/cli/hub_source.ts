// Downloads names such as hf:OWNER/NAME from the Hugging Face Hub, for the readers of local files.

import {
  fetchDataset,
  fetchHubWeights,
  type HubDataset,
  type HubWeightsOptions,
  parseHubName,
} from "../io/hub/index.ts";
import { downloadStatus } from "./download_status.ts";
import type { Output } from "./output.ts";

export interface HubSourceOptions {
  readonly split?: string | undefined;
  /** Cancels a download. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Downloads a split of a data set, or finds it in the cache.
 * @param source hf:OWNER/NAME, optionally with @REVISION
 * @throws HubError, FileError, in one line
 */
export async function fetchHubSource(
  source: string,
  { split, signal }: HubSourceOptions,
  output: Pick<Output, "warn" | "status" | "clear">,
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

/**
 * Downloads a safetensors file of a model's repository, or finds it in the cache.
 * @param source hf:OWNER/NAME or hf:OWNER/NAME/FILE.safetensors, optionally with @REVISION
 * @throws HubError, FileError, in one line
 */
export async function fetchHubFile(
  source: string,
  options: Omit<HubWeightsOptions, "onProgress" | "warn">,
  output: Pick<Output, "warn" | "status" | "clear">,
): Promise<string> {
  try {
    return await fetchHubWeights(source, {
      ...options,
      warn: output.warn,
      onProgress: (progress) => output.status(downloadStatus(source, progress)),
    });
  } finally {
    output.clear();
  }
}
