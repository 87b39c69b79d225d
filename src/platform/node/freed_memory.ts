// Memory that was freed and that the C library still keeps.

import { packageFile } from "./native_code.ts";
import { libraryOf } from "./native_library.ts";

let trim: (() => void) | undefined;

/** glibc keeps freed arrays of up to 32 MiB for later ones: gigabytes, after weights were loaded. */
export function returnFreedMemory(): void {
  trim ??= trimmer();
  trim();
}

function trimmer(): () => void {
  const file = packageFile();
  if (process.platform !== "linux" || file === undefined) return () => undefined;
  try {
    const ofLibrary = libraryOf(file).load(null).func("int malloc_trim(size_t)");
    return () => {
      ofLibrary(0);
    };
  } catch {
    return () => undefined; // another C library
  }
}
