// The cache of the Hub's files, with the layout of Python's huggingface_hub, so that each finds what the other has
// downloaded:
//   models--OWNER--NAME/refs/main                the commit of a branch or tag when it was last resolved
//   models--OWNER--NAME/blobs/DIGEST             contents
//   models--OWNER--NAME/snapshots/COMMIT/a/b.c   -> ../../../../blobs/DIGEST
//   models--OWNER--NAME/trees/COMMIT.json        the list of a commit's files: offline it says whether all are present

import * as v from "valibot";
import { files as disk, paths } from "#platform";
import { explainSystemError, isMissing } from "../../platform/errors.ts";
import { readJsonAs } from "../diffusers_json.ts";
import type { HubFile, HubKind } from "./client.ts";
import { isCommit } from "./name.ts";

const { join } = paths;

const MAX_LIST_BYTES = 64 * 2 ** 20;

/** The version of Python's file lists that is supported. */
const LIST_VERSION = 1;
const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const listSchema = v.object({
  format_version: v.literal(LIST_VERSION),
  files: v.record(
    v.string(),
    v.object({
      size,
      blob_id: v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/)),
      lfs_sha256: v.nullish(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
      lfs_size: v.nullish(size),
    }),
  ),
});

/** The part of the cache that belongs to one repository. */
export class RepoCache {
  readonly path: string;

  constructor(cache: string, kind: HubKind, id: string) {
    this.path = join(cache, [`${kind}s`, ...id.split("/")].join("--"));
  }

  blob(digest: string): string {
    return join(this.path, "blobs", digest);
  }

  snapshot(commit: string): string {
    return join(this.path, "snapshots", commit);
  }

  /** The path of a commit's file, present or not. `path` must have been checked. */
  file(commit: string, path: string): string {
    return join(this.snapshot(commit), ...path.split("/"));
  }

  /** The commit of a revision when it was last resolved. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    try {
      const commit = (await disk.readText(join(this.path, "refs", revision))).trim();
      return isCommit(commit) ? commit : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw explainSystemError(error, "read the cache", this.path);
    }
  }

  /** Records the current commit of a branch or tag. @throws FileError */
  async rememberCommit(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || (await this.commitOf(revision)) === commit) return;
    await disk.writeFileAtomic(join(this.path, "refs", revision), commit);
  }

  /** The files of a commit, if it was listed before. */
  async list(commit: string): Promise<HubFile[] | undefined> {
    try {
      const { files } = await readJsonAs(this.#listFile(commit), listSchema, MAX_LIST_BYTES);
      return Object.entries(files).map(([path, { size, blob_id, lfs_sha256, lfs_size }]) => ({
        path,
        size: lfs_size ?? size,
        oid: blob_id,
        digest: lfs_sha256 ?? blob_id,
      }));
    } catch {
      // Missing or damaged: the list is requested again.
      return undefined;
    }
  }

  /** @throws FileError */
  async rememberList(commit: string, files: readonly HubFile[]): Promise<void> {
    const entries = files.map(({ path, size, oid, digest }) => [
      path,
      { size, blob_id: oid, ...(digest !== oid && { lfs_sha256: digest, lfs_size: size }) },
    ]);
    const list = { format_version: LIST_VERSION, files: Object.fromEntries(entries) };
    await disk.writeFileAtomic(this.#listFile(commit), JSON.stringify(list, undefined, 1));
  }

  /** The files of a commit in the cache, whoever downloaded them; none if there is no such folder. */
  async present(commit: string): Promise<HubFile[]> {
    const root = this.snapshot(commit);
    try {
      return await presentIn(root, "");
    } catch (error) {
      if (isMissing(error)) return [];
      throw explainSystemError(error, "read the cache", root);
    }
  }

  /** Whether a commit's file is complete in the cache. */
  async has(commit: string, { path, size }: HubFile): Promise<boolean> {
    return (await sizeOf(this.file(commit, path))) === size;
  }

  /** Whether a file's content is in the cache, from any commit. */
  async hasBlob({ digest, size }: HubFile): Promise<boolean> {
    return (await sizeOf(this.blob(digest))) === size;
  }

  /**
   * Names a cached content as a file of a commit.
   * @param isNew nothing else in the cache can be using the content
   * @throws FileError
   */
  async link(commit: string, { path, digest }: HubFile, isNew: boolean): Promise<void> {
    const [from, to] = [this.blob(digest), this.file(commit, path)];
    try {
      await disk.addName(from, to, isNew);
    } catch (error) {
      throw explainSystemError(error, "write the file", to);
    }
  }

  #listFile(commit: string): string {
    return join(this.path, "trees", `${commit}.json`);
  }
}

/** Files below a folder of a snapshot, in the order found. */
async function presentIn(root: string, inside: string): Promise<HubFile[]> {
  const found: HubFile[] = [];
  for (const { name, kind } of await disk.entries(join(root, inside))) {
    const path = inside === "" ? name : `${inside}/${name}`;
    if (kind === "folder") {
      found.push(...(await presentIn(root, path)));
      continue;
    }
    const info = await disk.stat(join(root, path)).catch(() => undefined);
    // The file is present; its git and content names are not needed.
    if (info?.isFile) found.push({ path, size: info.size, oid: "", digest: "" });
  }
  return found;
}

/** The size of a file, through links; undefined if it does not exist. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await disk.stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw explainSystemError(error, "read the cache", path);
  }
}
