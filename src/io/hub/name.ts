// Names of repositories on the Hugging Face Hub, such as hf:OWNER/NAME[@REVISION].

import { HubError } from "./errors.ts";

/** The prefix of a repository's name where a path is also possible. */
export const HUB_PREFIX = "hf:";

/** A repository of the Hub, as "hf:OWNER/NAME@REVISION" names it. */
export interface HubName {
  /** "OWNER/NAME". */
  readonly id: string;
  /** A branch, a tag or a commit; undefined means the main branch. */
  readonly revision: string | undefined;
}

// The Hub's rule: letters, digits and ._- , neither at the ends nor doubled ("--" and ".." mean something in paths).
const PART = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$/;
const REVISION = /^[A-Za-z0-9_][A-Za-z0-9._+/-]{0,254}$/;
/** A commit, which never changes. */
const COMMIT = /^[0-9a-f]{40}$/;

export const isHubName = (text: string): boolean => text.startsWith(HUB_PREFIX);
export const isCommit = (revision: string): boolean => COMMIT.test(revision);

/** Whether text without the prefix could be OWNER/NAME. */
export const isRepoId = (text: string): boolean => {
  const parts = text.split("/");
  return parts.length === 2 && parts.every((part) => PART.test(part) && !/--|\.\./.test(part));
};

/**
 * Reads "hf:OWNER/NAME" or "hf:OWNER/NAME@REVISION".
 * @throws HubError when the text is not of that form
 */
export function parseHubName(text: string): HubName {
  const [id = "", revision, ...more] = text.slice(HUB_PREFIX.length).split("@");
  if (!isHubName(text) || !isRepoId(id) || more.length > 0) {
    throw new HubError(
      "name",
      `"${text}" is not the name of a repository; expected hf:OWNER/NAME or hf:OWNER/NAME@REVISION`,
    );
  }
  if (revision !== undefined) checkRevision(revision);
  return { id, revision };
}

/** A file of a repository, or the repository itself. */
export interface HubFileName extends HubName {
  /** Its path there; undefined where only the repository is named. */
  readonly file: string | undefined;
}

/**
 * Reads "hf:OWNER/NAME/FILE.safetensors", where FILE may be in folders, or the name of a repository alone; each with
 * "@REVISION" or without.
 * @throws HubError when the text is not of that form
 */
export function parseHubFileName(text: string): HubFileName {
  const [, repo, file, at = ""] = /^(hf:[^/@]+\/[^/@]+)\/([^@]*)(@.*)?$/.exec(text) ?? [];
  if (repo === undefined || file === undefined) return { ...parseHubName(text), file: undefined };
  if (isSafePath(file) && file.endsWith(".safetensors")) return { ...parseHubName(repo + at), file };
  throw new HubError(
    "name",
    `"${text}" is not the name of a file; expected hf:OWNER/NAME/FILE.safetensors, or hf:OWNER/NAME`,
  );
}

/** @throws HubError for a revision that cannot name a branch, a tag or a commit */
export function checkRevision(revision: string): void {
  if (REVISION.test(revision) && !/\.\.|\/\/|\/$|\.lock$/.test(revision)) return;
  throw new HubError("name", `revision "${revision}" is not a branch, a tag or a commit`);
}

/**
 * Whether the name of a repository's file is usable as a local path: it must stay inside its folder and mean the same
 * on every system.
 */
export const isSafePath = (path: string): boolean =>
  path.split("/").every((part) => part !== "" && part !== "." && part !== ".." && !/[\\:\p{Cc}]/u.test(part));

/** The folder that contains a repository path; "." for the repository itself. */
export function parentOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at < 0 ? "." : path.slice(0, at);
}
