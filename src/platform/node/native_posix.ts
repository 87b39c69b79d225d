// Memory for machine code on systems with mmap.

import type { NativeSystem } from "../native.ts";
import type { Library } from "./native_library.ts";
import { forbidden, refused, type SystemMemory } from "./native_system.ts";

const [READ, WRITE, EXECUTE] = [1, 2, 4];
export const READ_WRITE = READ | WRITE;
export const READ_EXECUTE = READ | EXECUTE;
const FAILED = 2n ** 64n - 1n;

/** What systems do each in their own way. */
export interface PosixOptions {
  readonly system: NativeSystem;
  /** Of mmap: private, belonging to no file, without a reserve of swap space, so that pages cost something once touched. */
  readonly flags: number;
  /** The advice of madvise that pages are not needed any more. */
  readonly notNeeded: number;
  /** Called with memory that was reserved. */
  readonly advise?: (address: number, bytes: number) => void;
  /** Makes the processor's caches of instructions see what was written. */
  readonly clearCache?: ((address: number, bytes: number) => void) | undefined;
}

export function posixMemory(
  koffi: Library,
  { system, flags, notNeeded, advise, clearCache }: PosixOptions,
): SystemMemory {
  const c = koffi.load(null);
  const mmap = c.func("int64_t mmap(int64_t, size_t, int, int, int, int64_t)");
  const munmap = c.func("int munmap(int64_t, size_t)");
  const mprotect = c.func("int mprotect(int64_t, size_t, int)");
  const madvise = c.func("int madvise(int64_t, size_t, int)");
  return {
    system,
    reserve(bytes) {
      const address = BigInt.asUintN(64, BigInt(mmap(0, bytes, READ_WRITE, flags, -1, 0)));
      if (address === FAILED) throw refused(bytes);
      advise?.(Number(address), bytes);
      return Number(address);
    },
    commit: () => undefined,
    giveBack(address, bytes) {
      madvise(address, bytes, notNeeded);
    },
    release(address, bytes) {
      munmap(address, bytes);
    },
    makeExecutable(address, bytes) {
      if (mprotect(address, bytes, READ_EXECUTE) !== 0) throw forbidden();
      clearCache?.(address, bytes);
    },
  };
}
