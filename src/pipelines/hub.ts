// Pipelines on the Hugging Face Hub: downloads only the files that the pipeline's components need.

import { files, paths as pathnames } from "#platform";
import { MODEL_INDEX, readModelIndex } from "../io/diffusers_folder.ts";
import {
  type FetchProgress,
  fetchFiles,
  HUB_PREFIX,
  type HubRepo,
  isHubName,
  isRepoId,
  listRepo,
  parseHubName,
} from "../io/hub/index.ts";
import type { ReadStateDictOptions } from "../io/state_dict.ts";
import { FileError } from "../platform/errors.ts";
import type { Warn } from "./components.ts";
import { PipelineError } from "./errors.ts";
import { familyOf, type PipelineFamily, UNCONDITIONAL } from "./families.ts";
import { componentsOf } from "./folders.ts";

/** Options for loading a pipeline from the Hub or a web address. */
export interface HubLoadOptions {
  /** A branch, a tag or a commit. Default: the main branch. */
  readonly revision?: string;
  /** An access token. Default: HF_TOKEN, or the token of `hf auth login`. */
  readonly token?: string;
  /** Called as bytes arrive. */
  readonly onDownload?: (progress: FetchProgress) => void;
  /** Cancels a download: the promise rejects with the signal's reason; the bytes received so far are kept. */
  readonly signal?: AbortSignal;
}

/** How a pipeline is found and read. */
export interface PipelineSourceOptions extends HubLoadOptions, ReadStateDictOptions {
  readonly warn?: Warn;
  /** The families of pipelines of which one is expected. Default: those without prompts. */
  readonly families?: readonly [PipelineFamily, ...PipelineFamily[]];
  /** Called with the class of a pipeline that is elsewhere, before its large files are downloaded; may refuse it. */
  readonly onClass?: (className: string) => void;
}

/**
 * The folder for a path or a repository's name; missing files of a repository are downloaded.
 * @param source a path, "hf:OWNER/NAME[@REVISION]", or "OWNER/NAME" where no such path exists
 * @throws HubError, PipelineError, FileError, in one line
 */
export async function pipelineFolder(source: string, options: PipelineSourceOptions = {}): Promise<string> {
  const named = await hubSourceOf(source);
  if (named === undefined) {
    if (options.revision === undefined) return source;
    throw new PipelineError(
      `${source}: a folder has no revision ${JSON.stringify(options.revision)}; leave it out, or give hf:OWNER/NAME`,
    );
  }
  const { id, revision = options.revision } = parseHubName(named);
  if (options.revision !== undefined && options.revision !== revision) {
    throw new PipelineError(`${source} names one revision, and ${options.revision} is another; give one`);
  }
  const { token, warn, signal } = options;
  const repo = await listRepo("model", id, revision, { ...(token !== undefined && { token }), warn, signal });
  return fetchPipeline(repo, options);
}

/** The name on the Hub, with its prefix, that a source stands for; undefined for a path. */
export async function hubSourceOf(source: string): Promise<string | undefined> {
  if (isHubName(source)) return source;
  if (!isRepoId(source) || (await files.exists(source))) return undefined;
  // A folder also exists if a crash interrupted its replacement.
  return (await files.replacementOf(source)) === undefined ? `${HUB_PREFIX}${source}` : undefined;
}

/** Downloads the files of a pipeline. @returns its folder */
async function fetchPipeline(
  repo: HubRepo,
  { variant, onDownload, signal, families = [UNCONDITIONAL], onClass }: PipelineSourceOptions,
): Promise<string> {
  const source = repo.isComplete ? repo.label : `${repo.label} (in the cache)`;
  const paths = new Set(repo.files.map(({ path }) => path));
  if (!paths.has(MODEL_INDEX)) {
    throw new PipelineError(
      `${source}: there is no ${MODEL_INDEX} in it; expected a pipeline that diffusers saved`,
    );
  }
  // First the small files, which show whether the large ones are usable.
  const [indexFile = ""] = await fetchFiles(repo, [MODEL_INDEX], { signal });
  const root = pathnames.dirname(indexFile);
  const index = await readModelIndex(root);
  const components = componentsOf(index, source, familyOf(index, families));
  onClass?.(index.className);
  const needed = components.flatMap(({ kind }) => {
    const folder = folderOf(kind.name, paths);
    const names = [...paths]
      .filter((path) => path.startsWith(folder) && !path.slice(folder.length).includes("/"))
      .map((path) => path.slice(folder.length));
    const where = folder === "" ? source : `${source}/${kind.name}`;
    return kind.files(names, { variant }, where).map((name) => `${folder}${name}`);
  });
  const missing = needed.find((path) => !paths.has(path));
  if (missing !== undefined) throw new FileError(source, `there is no ${missing} in it`);
  await fetchFiles(repo, needed, { onProgress: onDownload, signal });
  return root;
}

/** "unet/", or "" for pipelines of 2022 (google/ddpm-*), whose files are next to model_index.json. */
function folderOf(component: string, paths: ReadonlySet<string>): string {
  const prefix = `${component}/`;
  return [...paths].some((path) => path.startsWith(prefix)) ? prefix : "";
}
