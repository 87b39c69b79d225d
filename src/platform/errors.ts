// One error class for all problems with files and folders, and one-line explanations of the operating system's errors
// (disk full, no permission, not found, ...).

/** A problem with a file or folder. The message is one line and names it. */
export class FileError extends Error {
  /** The file or folder, as the caller named it. */
  readonly path: string;
  /** The message without the path. */
  readonly problem: string;

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path}: ${problem}`, options);
    this.name = "FileError";
    this.path = path;
    this.problem = problem;
  }
}

/** An error with a system's code, from a platform whose own errors have none. */
export class PlatformError extends Error {
  readonly code: string;
  /** What is wrong and what to do, where that is not the same on every platform. */
  readonly advice: string | undefined;

  constructor(code: string, what: string, options: ErrorOptions & { readonly advice?: string } = {}) {
    super(`${code}: ${what}`, options);
    this.name = "PlatformError";
    this.code = code;
    this.advice = options.advice;
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; free some space or choose a folder on another disk",
  EDQUOT: "the disk quota is used up; free some space or choose a folder on another disk",
  EFBIG: "the file is larger than the file system or the user's limit allows; choose another disk",
  EACCES: "permission denied; change the permissions or choose another folder",
  EPERM: "the operation is not permitted; change the permissions or choose another folder",
  EROFS: "the file system is read-only; choose another folder",
  ENOENT: "no such file or folder; check the path",
  ENOTDIR: "a part of the path is a file where a folder was expected; check the path",
  EISDIR: "this is a folder where a file was expected; check the path",
  EEXIST: "it exists already; remove it or choose another name",
  ENOTEMPTY: "the folder is not empty; remove it or choose another name",
  EMFILE: "too many files are open; raise the limit (ulimit -n) or run fewer programs at once",
  ENAMETOOLONG: "the name is too long for the file system; choose a shorter one",
  EIO: "the disk reported an input/output error; check the disk",
};

/**
 * An error of the operating system as one line: the action, the path, and what to do about it. Other errors, and
 * FileErrors, are returned unchanged.
 */
export function explainSystemError(error: unknown, action: string, path: string): unknown {
  if (!(error instanceof Error) || error instanceof FileError) return error;
  const code = errorCode(error);
  if (code === undefined) return error;
  const advice = (error instanceof PlatformError && error.advice) || ADVICE[code] || error.message;
  return new FileError(path, `cannot ${action}: ${advice} (${code})`, { cause: error });
}

/** Explains an operating system's error that has no explanation yet; returns any other error unchanged. */
export function systemError(error: unknown): unknown {
  if (!(error instanceof Error) || !("syscall" in error && typeof error.syscall === "string")) return error;
  const path = "path" in error && typeof error.path === "string" ? error.path : "this machine";
  return explainSystemError(error, error.syscall, path);
}

/** The operating system's code of an error ("ENOENT", ...), or undefined if it has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Whether an error of the operating system says that a file or folder does not exist. */
export const isMissing = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "");

/** The message for bytes that are not an image. */
export const NO_IMAGE = "not an image";

/** The first line of an error's message. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0];
}
