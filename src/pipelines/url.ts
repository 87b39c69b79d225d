// Pipelines at web addresses: a folder as `savePretrained` wrote it, or a zip archive of one.

import { files, paths, processes } from "#platform";
import { MODEL_INDEX, readModelIndex } from "../io/diffusers_folder.ts";
import type { FetchProgress } from "../io/hub/index.ts";
import { shardNames } from "../io/state_dict.ts";
import { unzipFolder } from "../io/unzip_folder.ts";
import { fetchFile } from "../io/url.ts";
import { type ReadStateDictOptions, WeightNames } from "../io/weight_names.ts";
import { FileError } from "../platform/errors.ts";
import type { ComponentKind } from "./components.ts";
import { PipelineError } from "./errors.ts";
import { familyOf, UNCONDITIONAL } from "./families.ts";
import { componentsOf } from "./folders.ts";
import type { PipelineSourceOptions } from "./hub.ts";

const { join } = paths;

/** Configs and indices are small, weights are not (bytes). */
const MAX_JSON_BYTES = 32 * 2 ** 20;
const MAX_WEIGHTS_BYTES = 64 * 2 ** 30;

let downloads = 0;

/**
 * Downloads what a pipeline needs into a temporary folder, which is there as long as it is used.
 * @param url of the folder, or of an archive: its path then ends in ".zip"
 * @throws FileError, PipelineError, in one line; the signal's reason
 */
export async function withPipelineAt<T>(
  url: string,
  options: PipelineSourceOptions,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = join(paths.temporary(), `imago-${await processes.mark()}-${downloads++}`);
  try {
    const address = new URL(url);
    const isArchive = address.pathname.toLowerCase().endsWith(".zip");
    await (isArchive ? fetchArchive : fetchFolder)(address, folder, options);
    return await use(join(folder, PIPELINE));
  } finally {
    await files.removeAll(folder);
  }
}

const PIPELINE = "pipeline";

async function fetchArchive(url: URL, folder: string, options: PipelineSourceOptions): Promise<void> {
  const zip = join(folder, "pipeline.zip");
  const { signal } = options;
  const tally = new Tally(options.onDownload);
  if (!(await fetchFile(url, zip, { signal, maxBytes: MAX_WEIGHTS_BYTES, onBytes: tally.next() }))) {
    throw new FileError(url.href, "there is no such file on the server; check the address");
  }
  await unzipFolder(zip, join(folder, PIPELINE), options);
  await files.remove(zip);
}

async function fetchFolder(url: URL, folder: string, options: PipelineSourceOptions): Promise<void> {
  const root = join(folder, PIPELINE);
  const { signal, families = [UNCONDITIONAL], onClass } = options;
  const tally = new Tally(options.onDownload);
  const fetch = async (name: string): Promise<boolean> => {
    const from = new URL(url);
    from.pathname = `${url.pathname.replace(/\/$/, "")}/${name}`;
    const maxBytes = name.endsWith(".json") ? MAX_JSON_BYTES : MAX_WEIGHTS_BYTES;
    return fetchFile(from, join(root, name), { signal, maxBytes, onBytes: tally.next() });
  };
  if (!(await fetch(MODEL_INDEX))) {
    throw new PipelineError(
      `${url.href}: there is no ${MODEL_INDEX} there; expected the address of a folder that savePretrained or diffusers wrote, or of a .zip of one`,
    );
  }
  const index = await readModelIndex(root);
  const components = componentsOf(index, url.href, familyOf(index, families));
  onClass?.(index.className);
  for (const { kind } of components) {
    await fetchComponent(kind, url, root, fetch, options);
  }
}

/** Downloads what a component needs, of a folder that cannot be listed. @param fetch returns whether there is such a file */
async function fetchComponent(
  kind: Pick<ComponentKind, "name" | "files" | "library" | "mayHave">,
  url: URL,
  root: string,
  fetch: (name: string) => Promise<boolean>,
  { variant }: ReadStateDictOptions,
): Promise<void> {
  const { whole, indices } = new WeightNames({ variant, library: kind.library });
  const present: string[] = [];
  for (const name of kind.mayHave ?? []) {
    if (await fetch(`${kind.name}/${name}`)) present.push(name);
  }
  const [config, ...others] = kind
    .files([whole, ...present], { variant }, url.href)
    .filter((name) => !present.includes(name));
  if (config === undefined) return;
  // In pipelines of 2022 (google/ddpm-*) everything lies beside model_index.json.
  const folder = (await fetch(`${kind.name}/${config}`)) ? `${kind.name}/` : "";
  const needed = folder === "" ? [config, ...others] : others;
  for (const name of needed) {
    if (await fetch(`${folder}${name}`)) continue;
    const isThere = name === whole && (await fetchShards(indices, folder, root, fetch));
    if (!isThere)
      throw new FileError(url.href, `there is no ${folder}${name} on the server; check the address`);
  }
}

/** Downloads weights in shards. @returns false if there are none */
async function fetchShards(
  indices: readonly string[],
  folder: string,
  root: string,
  fetch: (name: string) => Promise<boolean>,
): Promise<boolean> {
  for (const index of indices) {
    if (!(await fetch(`${folder}${index}`))) continue;
    for (const shard of await shardNames(join(root, folder), index)) {
      if (!(await fetch(`${folder}${shard}`))) return false;
    }
    return true;
  }
  return false;
}

/** Adds up what arrives of several files. */
class Tally {
  readonly #report: ((progress: FetchProgress) => void) | undefined;
  readonly #files: { bytes: number; total: number | undefined }[] = [];

  constructor(report: ((progress: FetchProgress) => void) | undefined) {
    this.#report = report;
  }

  /** For the next file. */
  next(): (bytes: number, total: number | undefined) => void {
    const file = { bytes: 0, total: 0 as number | undefined };
    this.#files.push(file);
    return (bytes, total) => {
      Object.assign(file, { bytes, total });
      const sum = (of: (one: typeof file) => number) => this.#files.reduce((all, one) => all + of(one), 0);
      this.#report?.({
        files: this.#files.filter((one) => one.bytes > 0 && one.bytes === one.total).length,
        totalFiles: this.#files.filter((one) => one.bytes > 0).length,
        bytes: sum((one) => one.bytes),
        totalBytes: sum((one) => one.total ?? one.bytes),
      });
    };
  }
}
