// Repositories of the Hub: their contents, and their files on this machine.

import { FileError } from "../../platform/errors.ts";
import { shortageOf } from "../free_space.ts";
import { RepoCache } from "./cache.ts";
import { type Asked, type HubFile, type HubKind, listCommit, resolveCommit } from "./client.ts";
import { download } from "./download.ts";
import { HubError, type Subject } from "./errors.ts";
import { checkRevision, HUB_PREFIX, isCommit, isSafePath } from "./name.ts";
import { type HubOptions, type HubSettings, hubSettings } from "./settings.ts";

/** Files downloaded at the same time. */
const CONCURRENT = 8;
const MAIN = "main";

/** The contents of a repository at one commit. */
export interface HubRepo {
  /** Whether it is a model's or a data set's. */
  readonly kind: HubKind;
  /** "OWNER/NAME". */
  readonly id: string;
  /** "hf:OWNER/NAME", for messages. */
  readonly label: string;
  /** The requested revision: a branch, a tag or a commit. */
  readonly revision: string;
  /** The commit that the revision stood for: 40 hexadecimal digits. */
  readonly commit: string;
  /** Its files at that commit. */
  readonly files: readonly HubFile[];
  /** False if only the cache could answer, and it does not know whether these are all files. */
  readonly isComplete: boolean;
  /** The folder with the downloaded files of this commit. */
  readonly folder: string;
  /** The settings it was listed with, for downloads from it. */
  readonly settings: HubSettings;
}

/** How to list a repository's files. */
export interface ListOptions extends HubOptions {
  /** Known settings, which replace the other options. */
  readonly settings?: HubSettings;
  /** Ends the request: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the Hub cannot be reached and the cache is used instead. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** The progress of a download. */
export interface FetchProgress {
  /** Files that are complete. */
  readonly files: number;
  /** Files that are fetched in all. */
  readonly totalFiles: number;
  /** Bytes that have arrived. */
  readonly bytes: number;
  /** Bytes of all these files. */
  readonly totalBytes: number;
}

/** How to watch and end a download. */
export interface FetchOptions {
  /** Called as bytes arrive; never if everything is in the cache. */
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  /** Ends the download: what has arrived is kept and continued next time. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lists the files of a repository. A commit that was listed before needs no network; a branch is resolved by the Hub,
 * or, if that cannot be reached, to its last known commit.
 * @param id "OWNER/NAME"
 * @throws HubError, in one line
 */
export async function listRepo(
  kind: HubKind,
  id: string,
  revision = MAIN,
  options: ListOptions = {},
): Promise<HubRepo> {
  checkRevision(revision);
  const settings = options.settings ?? (await hubSettings(options));
  const cache = new RepoCache(settings.cache, kind, id);
  const subject = subjectOf(settings, kind, id, revision);
  const asked: Asked = { settings, subject, kind, id, signal: options.signal };
  const repo = (commit: string, files: readonly HubFile[], isComplete: boolean): HubRepo => ({
    ...{ kind, id, label: subject.label, revision, commit, files, isComplete },
    ...{ folder: cache.snapshot(commit), settings },
  });
  try {
    if (settings.offline) throw offline(subject, settings);
    const commit = isCommit(revision) ? revision : await resolveCommit(asked, revision);
    const known = await cache.list(commit);
    const files = known ?? (await listCommit(asked, commit));
    if (known === undefined) await cache.rememberList(commit, files);
    await cache.rememberCommit(revision, commit);
    return repo(commit, files, true);
  } catch (error) {
    if (!(error instanceof HubError && ["network", "offline", "server"].includes(error.reason))) throw error;
    const commit = await cache.commitOf(revision);
    if (commit === undefined) throw error;
    const known = await cache.list(commit);
    const files = known ?? (await cache.present(commit));
    if (files.length === 0) throw error;
    if (error.reason !== "offline") options.warn?.(`${error.message}; using what the cache holds`);
    return repo(commit, files, known !== undefined);
  }
}

/**
 * Downloads files of a repository unless they are in the cache.
 * @param paths of files in `repo.files`
 * @returns their local paths, in the order of `paths`
 * @throws HubError, FileError, in one line
 */
export async function fetchFiles(
  repo: HubRepo,
  paths: readonly string[],
  { onProgress, signal }: FetchOptions = {},
): Promise<string[]> {
  const { settings, kind, id, commit } = repo;
  const cache = new RepoCache(settings.cache, kind, id);
  const subject = subjectOf(settings, kind, id, repo.revision);
  const listed = new Map(repo.files.map((file) => [file.path, file]));
  const missing = new Map<string, HubFile>();
  for (const path of paths) {
    const file = listed.get(path);
    if (file === undefined) throw new HubError("file", `${repo.label}: there is no ${path} in it`);
    if (!isSafePath(path)) {
      const name = JSON.stringify(path);
      throw new HubError("content", `${repo.label}: ${name} is not a path that can be written here`);
    }
    if (!(await cache.has(commit, file))) missing.set(path, file);
  }
  if (missing.size > 0) {
    if (settings.offline) throw offline(subject, settings, [...missing.keys()]);
    await checkRoom(settings.cache, bytesOf([...missing.values()]), repo.label);
    await fetchMissing(repo, cache, [...missing.values()], { onProgress, signal });
  }
  return paths.map((path) => cache.file(commit, path));
}

async function fetchMissing(
  repo: HubRepo,
  cache: RepoCache,
  missing: readonly HubFile[],
  { onProgress, signal }: FetchOptions,
): Promise<void> {
  const { settings, kind, id, commit } = repo;
  const subject = subjectOf(settings, kind, id, repo.revision);
  const progress = { files: 0, totalFiles: missing.length, bytes: 0, totalBytes: bytesOf(missing) };
  const onBytes = (count: number) => {
    progress.bytes += count;
    onProgress?.({ ...progress });
  };
  await inParallel(sameContents(missing), CONCURRENT, signal, async (files, signal) => {
    const [first, ...copies] = files;
    if (first === undefined) return;
    const isNew = !(await cache.hasBlob(first));
    if (isNew) {
      const [url, target] = [fileUrl(repo, first.path), cache.blob(first.digest)];
      await once(target, () => download({ settings, subject, url, file: first, target, signal, onBytes }));
    } else onBytes(first.size);
    // The first file comes last: without links it takes the content with it.
    for (const file of copies) await cache.link(commit, file, false);
    await cache.link(commit, first, isNew);
    progress.files += files.length;
    onBytes(bytesOf(copies));
  });
}

const bytesOf = (files: readonly HubFile[]): number => files.reduce((sum, { size }) => sum + size, 0);

/** Files grouped by content: equal ones are downloaded once, because two downloads would write the same file. */
function sameContents(files: readonly HubFile[]): HubFile[][] {
  const groups = new Map<string, HubFile[]>();
  for (const file of files) {
    const group = groups.get(file.digest);
    if (group) group.push(file);
    else groups.set(file.digest, [file]);
  }
  return [...groups.values()];
}

export function subjectOf(settings: HubSettings, kind: HubKind, id: string, revision: string): Subject {
  const page = `${settings.endpoint}/${kind === "model" ? "" : "datasets/"}${id}`;
  return { label: `${HUB_PREFIX}${id}`, page, revision };
}

/** Downloads in progress in this process, by target. */
const underWay = new Map<string, Promise<void>>();

/** Waits for a running download of the same target, or downloads; also if the running one fails or is cancelled. */
async function once(target: string, work: () => Promise<void>): Promise<void> {
  for (;;) {
    const running = underWay.get(target);
    if (running === undefined) break;
    const isDone = await running.then(
      () => true,
      () => false,
    );
    if (isDone) return;
  }
  const started = work().finally(() => underWay.delete(target));
  underWay.set(target, started);
  await started;
}

function fileUrl({ settings, kind, id, commit }: HubRepo, path: string): URL {
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return new URL(
    `${settings.endpoint}/${kind === "model" ? "" : "datasets/"}${id}/resolve/${commit}/${encoded}`,
  );
}

/** Runs `work` for all items, up to `width` at a time; a failure stops the others. */
async function inParallel<T>(
  items: readonly T[],
  width: number,
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal;
  const queue = items.values();
  const lane = async () => {
    for (const item of queue) {
      stop.throwIfAborted();
      await work(item, stop);
    }
  };
  const lanes = Array.from({ length: Math.min(width, items.length) }, () =>
    lane().catch((error: unknown) => failure.abort(error)),
  );
  await Promise.all(lanes);
  stop.throwIfAborted();
}

async function checkRoom(cache: string, needed: number, label: string): Promise<void> {
  const short = await shortageOf(cache, needed);
  if (short === undefined) return;
  throw new FileError(
    cache,
    `${label} needs ${short.needed}, but this disk has ${short.free} free; free some space, or set HF_HOME to a folder on another disk`,
  );
}

function offline(
  { label, revision }: Subject,
  { cache }: HubSettings,
  missing: readonly string[] = [],
): HubError {
  const what =
    missing.length === 0
      ? `revision "${revision}" is not in the cache (${cache})`
      : `${missing[0]}${missing.length > 1 ? ` and ${missing.length - 1} more` : ""} is not in the cache (${cache})`;
  return new HubError("offline", `${label}: ${what} and HF_HUB_OFFLINE is set; unset it to download`);
}
