// Errors of the browser's file system under the names that systems give them, which errors.ts explains.

/** An error as a system call makes it. */
export function systemError(code: string, syscall: string, path: string, options?: ErrorOptions): Error {
  return Object.assign(new Error(`${code}: ${syscall} ${path}`, options), { code, syscall, path });
}

/** DOMException's names. */
const CODES: Readonly<Record<string, string>> = {
  NotFoundError: "ENOENT",
  TypeMismatchError: "ENOTDIR",
  QuotaExceededError: "ENOSPC",
  NotAllowedError: "EACCES",
  SecurityError: "EACCES",
  NoModificationAllowedError: "EBUSY",
  InvalidModificationError: "ENOTEMPTY",
  NotReadableError: "EIO",
};

/** Does work of the file system. @throws its errors with a system's code; others unchanged */
export async function named<T>(syscall: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = error instanceof DOMException ? CODES[error.name] : undefined;
    throw code === undefined ? error : systemError(code, syscall, path, { cause: error });
  }
}
