// Memory for machine code on Linux.

import type { Library } from "./native_library.ts";
import { forbidden, refused, type SystemMemory } from "./native_system.ts";

const [READ, WRITE, EXECUTE] = [1, 2, 4];
/** Private, belonging to no file, without a reserve of swap space: pages cost something once they are touched. */
const FLAGS = 0x4022;
const HUGE_PAGES = 14;
const FAILED = 2n ** 64n - 1n;

export function linuxMemory(koffi: Library): SystemMemory {
  const c = koffi.load(null);
  const mmap = c.func("int64_t mmap(int64_t, size_t, int, int, int, int64_t)");
  const munmap = c.func("int munmap(int64_t, size_t)");
  const mprotect = c.func("int mprotect(int64_t, size_t, int)");
  const madvise = c.func("int madvise(int64_t, size_t, int)");
  const clearCache = process.arch === "arm64" ? cacheClearer(koffi) : undefined;
  return {
    system: { kind: "linux" },
    reserve(bytes) {
      const address = BigInt.asUintN(64, BigInt(mmap(0, bytes, READ | WRITE, FLAGS, -1, 0)));
      if (address === FAILED) throw refused(bytes);
      if (bytes >= WORTH_HUGE_PAGES) madvise(Number(address), bytes, HUGE_PAGES);
      return Number(address);
    },
    commit: () => undefined,
    release(address, bytes) {
      munmap(address, bytes);
    },
    makeExecutable(address, bytes) {
      if (mprotect(address, bytes, READ | EXECUTE) !== 0) throw forbidden();
      clearCache?.(address, address + bytes);
    },
  };
}

const WORTH_HUGE_PAGES = 2 ** 26;

/**
 * Arm's caches of instructions do not see what is written. Linux makes them see a page when it first becomes executable
 * (__sync_icache_dcache, before its entry is set), and a mapping's pages are new; where GCC's library is there, what it
 * has for the purpose is called as well.
 */
function cacheClearer(koffi: Library) {
  try {
    return koffi.load("libgcc_s.so.1").func("void __clear_cache(int64_t, int64_t)");
  } catch {
    return undefined;
  }
}
