// Memory for machine code on Linux.

import type { Library } from "./native_library.ts";
import { posixMemory } from "./native_posix.ts";
import type { SystemMemory } from "./native_system.ts";

const FLAGS = 0x4022;
const [NOT_NEEDED, HUGE_PAGES] = [4, 14];
const WORTH_HUGE_PAGES = 2 ** 26;

export function linuxMemory(koffi: Library): SystemMemory {
  const madvise = koffi.load(null).func("int madvise(int64_t, size_t, int)");
  return posixMemory(koffi, {
    system: { kind: "linux" },
    flags: FLAGS,
    notNeeded: NOT_NEEDED,
    advise(address, bytes) {
      if (bytes >= WORTH_HUGE_PAGES) madvise(address, bytes, HUGE_PAGES);
    },
    clearCache: process.arch === "arm64" ? cacheClearer(koffi) : undefined,
  });
}

/**
 * Arm's caches of instructions do not see what is written. Linux makes them see a page when it first becomes executable
 * (__sync_icache_dcache, before its entry is set), and a mapping's pages are new; where GCC's library is there, what it
 * has for the purpose is called as well.
 */
function cacheClearer(koffi: Library): ((address: number, bytes: number) => void) | undefined {
  try {
    const clear = koffi.load("libgcc_s.so.1").func("void __clear_cache(int64_t, int64_t)");
    return (address, bytes) => clear(address, address + bytes);
  } catch {
    return undefined;
  }
}
