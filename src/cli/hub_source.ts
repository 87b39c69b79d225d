// Downloads names such as hf:OWNER/NAME from the Hugging Face Hub, for the readers of local files.

import { fetchDataset, fetchFiles, type HubDataset, listRepo, parseHubName } from "../io/hub/index.ts";
import { downloadStatus } from "./download_status.ts";
import { UsageError } from "./errors.ts";
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
 * Downloads the only safetensors file of a model's repository, or finds it in the cache.
 * @param option the option that names the repository, for errors
 * @throws UsageError when there are none or several; HubError, FileError, in one line
 */
export async function fetchHubWeights(option: string, source: string, output: Output): Promise<string> {
  const { id, revision } = parseHubName(source);
  try {
    const repo = await listRepo("model", id, revision, { warn: output.warn });
    const weights = repo.files.map(({ path }) => path).filter((path) => path.endsWith(".safetensors"));
    if (weights.length !== 1) {
      const found = weights.length === 0 ? "no safetensors file" : `${weights.length} safetensors files`;
      throw new UsageError(
        `${option} ${source}: it holds ${found}, expected one; give a file on this machine`,
      );
    }
    const [file] = await fetchFiles(repo, weights, {
      onProgress: (progress) => output.status(downloadStatus(source, progress)),
    });
    return file;
  } finally {
    output.clear();
  }
}
