// One file of weights of a model's repository.

import { HubError } from "./errors.ts";
import { HUB_PREFIX, type HubFileName, parentOf, parseHubFileName } from "./name.ts";
import { type FetchOptions, fetchFiles, type ListOptions, listRepo } from "./repo.ts";

const WEIGHTS = ".safetensors";

/** Which file is downloaded, and how. */
export interface HubWeightsOptions extends ListOptions, FetchOptions {
  /** The names that such files usually have: one of these is chosen among several. Default: none. */
  readonly usual?: readonly string[];
  /** Files in the same folder that are downloaded too, if they are there. Default: none. */
  readonly beside?: readonly string[];
}

/**
 * Downloads a safetensors file of a model's repository, or finds it in the cache.
 * @param source "hf:OWNER/NAME" for the only one, or "hf:OWNER/NAME/FILE.safetensors", with "@REVISION" or without
 * @returns its local path
 * @throws HubError when there is none, or several; FileError, in one line; the signal's reason
 */
export async function fetchHubWeights(
  source: string,
  { usual = [], beside = [], onProgress, ...options }: HubWeightsOptions = {},
): Promise<string> {
  const name = parseHubFileName(source);
  const repo = await listRepo("model", name.id, name.revision, options);
  const paths = repo.files.map(({ path }) => path);
  const chosen = name.file ?? weightsAmong(paths, usual, source, name);
  const folder = parentOf(chosen);
  const others = beside
    .map((file) => (folder === "." ? file : `${folder}/${file}`))
    .filter((path) => paths.includes(path));
  const [file] = await fetchFiles(repo, [chosen, ...others], { onProgress, signal: options.signal });
  return file;
}

function weightsAmong(
  paths: readonly string[],
  usual: readonly string[],
  source: string,
  { id, revision }: HubFileName,
): string {
  const found = paths.filter((path) => path.endsWith(WEIGHTS));
  const [only, ...others] = found;
  if (only === undefined) {
    throw new HubError("file", `${source}: it holds no safetensors file, expected one`);
  }
  const chosen = others.length === 0 ? only : usual.find((name) => found.includes(name));
  if (chosen !== undefined) return chosen;
  const at = revision === undefined ? "" : `@${revision}`;
  throw new HubError(
    "file",
    `${source}: it holds ${found.length} safetensors files, expected one; name one, such as ${HUB_PREFIX}${id}/${only}${at}`,
  );
}
