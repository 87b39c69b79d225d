// Memory and machine code outside of JavaScript, by the C library through the npm package "koffi", which is optional.
// Memory for code is writable first, then executable, never both.

import { createRequire } from "node:module";
import type { NativeCode, NativeMachine } from "../platform.ts";
import { callAt, libraryOf } from "./native_library.ts";

const [READ, WRITE, EXECUTE] = [1, 2, 4];
/** Private, belonging to no file, without a reserve of swap space. */
const FLAGS = 0x4022;
const HUGE_PAGES = 14;
const FAILED = 2n ** 64n - 1n;

/** The file of the package, for threads, which may not find it by name. */
function packageFile(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve("koffi");
  } catch {
    return undefined;
  }
}

export const nativeCode: NativeCode = {
  open(): NativeMachine | string {
    const { arch } = process;
    if (process.platform !== "linux" || (arch !== "x64" && arch !== "arm64"))
      return `there is no machine code for ${process.platform} on ${arch} yet`;
    const file = packageFile();
    if (file === undefined) return 'the npm package "koffi" is not installed';
    try {
      return machineOf(file, arch);
    } catch (error) {
      const [line] = String(error instanceof Error ? error.message : error).split("\n");
      return `machine code cannot be run here: ${line}`;
    }
  },
};

function machineOf(library: string, architecture: NativeMachine["architecture"]): NativeMachine {
  const koffi = libraryOf(library);
  const c = koffi.load(null);
  const mmap = c.func("int64_t mmap(int64_t, size_t, int, int, int, int64_t)");
  const munmap = c.func("int munmap(int64_t, size_t)");
  const mprotect = c.func("int mprotect(int64_t, size_t, int)");
  const madvise = c.func("int madvise(int64_t, size_t, int)");

  const map = (bytes: number): number => {
    const address = BigInt.asUintN(64, BigInt(mmap(0, bytes, READ | WRITE, FLAGS, -1, 0)));
    if (address === FAILED) throw new Error(`the system does not give ${bytes} bytes`);
    return Number(address);
  };
  // Arm's caches of instructions do not see what is written. Linux makes them see a page when it first becomes
  // executable (__sync_icache_dcache, before its entry is set), and a mapping's pages are new; where GCC's library is
  // there, what it has for the purpose is called as well.
  const clearCache = architecture === "arm64" ? cacheClearer(koffi) : undefined;

  const view = (address: number, bytes: number) => koffi.view(BigInt(address), bytes);
  const mapCode = (code: Uint8Array): number => {
    const address = map(code.byteLength);
    new Uint8Array(view(address, code.byteLength)).set(code);
    if (mprotect(address, code.byteLength, READ | EXECUTE) !== 0) {
      munmap(address, code.byteLength);
      throw new Error("the system does not allow memory that can be executed");
    }
    clearCache?.(address, address + code.byteLength);
    return address;
  };
  return {
    architecture,
    library,
    reserve(bytes) {
      const address = map(bytes);
      madvise(address, bytes, HUGE_PAGES);
      return address;
    },
    release: (address, bytes) => {
      munmap(address, bytes);
    },
    view,
    mapCode,
    unmapCode: (address, bytes) => {
      munmap(address, bytes);
    },
    call: (address, args) => callAt(library, address, args),
  };
}

function cacheClearer(koffi: ReturnType<typeof libraryOf>) {
  try {
    return koffi.load("libgcc_s.so.1").func("void __clear_cache(int64_t, int64_t)");
  } catch {
    return undefined;
  }
}
