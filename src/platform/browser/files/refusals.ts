// The browser's errors as those of a file system, with Node's codes.

import { PlatformError } from "../../errors.ts";

/** Codes of the browser's errors, by their names; what is not here depends on what was wanted. */
const CODES: Readonly<Record<string, string>> = {
  NotFoundError: "ENOENT",
  QuotaExceededError: "ENOSPC",
  NoModificationAllowedError: "EBUSY",
  InvalidModificationError: "ENOTEMPTY",
  NotAllowedError: "EACCES",
  SecurityError: "EACCES",
  NotReadableError: "EIO",
};

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC:
    "the browser gives this site no more space; remove what is no longer needed, or free space on the disk",
  EBUSY: "another page or worker of this site has it open; close that one and try again",
  EACCES: "the browser does not permit it; permit it in the site's settings, or choose the files again",
  EIO: "the browser can no longer read it; if it was changed or moved meanwhile, open it again",
  EINVAL: "the browser permits no file of this name; choose another one",
  EROFS: "files that were dropped or picked can only be read; choose a folder outside of /mounted",
  ENOSYS:
    "the browser gives this page no files of its own (private windows and file: pages may have none); open it in an ordinary window, over https or from localhost",
};

/** @param what happened, in a few words */
export const refusal = (code: string, what: string, path: string, cause?: unknown): PlatformError =>
  new PlatformError(code, `${what}, ${JSON.stringify(path)}`, {
    cause,
    ...(ADVICE[code] !== undefined && { advice: ADVICE[code] }),
  });

/** There is nothing at a path. */
export const missing = (path: string, cause?: unknown): PlatformError =>
  refusal("ENOENT", "no such file or folder", path, cause);
/** A file stands where a folder was expected. */
export const notFolder = (path: string, cause?: unknown): PlatformError =>
  refusal("ENOTDIR", "not a folder", path, cause);
/** A folder stands where a file was expected. */
export const isFolder = (path: string, cause?: unknown): PlatformError =>
  refusal("EISDIR", "this is a folder", path, cause);

/**
 * A browser's error as that of a file system; what is none of these comes back unchanged.
 * @param wanted what was expected at the path
 */
export function refusalOf(error: unknown, path: string, wanted: "file" | "folder"): unknown {
  if (!(error instanceof Error) || error instanceof PlatformError) return error;
  if (error.name === "TypeMismatchError")
    return wanted === "file" ? isFolder(path, error) : notFolder(path, error);
  const code = CODES[error.name];
  if (code === "ENOENT") return missing(path, error);
  return code === undefined ? error : refusal(code, error.message.replace(/\.$/, ""), path, error);
}

/** Whether a browser's error has this name. */
export const isNamed = (error: unknown, name: string): boolean =>
  error instanceof Error && error.name === name;
