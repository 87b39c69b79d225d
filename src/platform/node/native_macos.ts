// Memory for machine code on macOS, and the functions by which it waits.

import { spawnSync } from "node:child_process";
import type { Library } from "./native_library.ts";
import { posixMemory, READ_EXECUTE, READ_WRITE } from "./native_posix.ts";
import { forbidden, type SystemMemory } from "./native_system.ts";

const FLAGS = 0x1042;
const FREE = 5;

/**
 * Memory for code is made executable by mprotect. Memory mapped with MAP_JIT would be made so for a thread at a time, by
 * pthread_jit_write_protect_np, which takes away V8's own code meanwhile. Node is signed with the right to do without.
 */
export function macMemory(koffi: Library): SystemMemory {
  const c = koffi.load(null);
  const addressOf = (name: string) => Number(koffi.address(c.symbol(name)));
  return posixMemory(koffi, {
    system: {
      kind: "macos",
      ulockWait: addressOf("__ulock_wait"),
      ulockWake: addressOf("__ulock_wake"),
      clockNanoseconds: addressOf("clock_gettime_nsec_np"),
    },
    flags: FLAGS,
    notNeeded: FREE,
    clearCache: c.func("void sys_icache_invalidate(int64_t, size_t)"),
  });
}

/** Gives 42. */
const TRIAL: Partial<Record<NodeJS.Architecture, readonly number[]>> = {
  x64: [0xb8, 0x2a, 0x00, 0x00, 0x00, 0xc3],
  arm64: [0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6],
};
const ANSWER = 42;

/**
 * Runs a few instructions in a process of its own, in memory made as above, since the system ends a process that it does
 * not allow to do so.
 * @param file of the package koffi
 * @throws Error unless they gave their answer
 */
export function tryMacCode(file: string): void {
  const program = `
    const koffi = require(${JSON.stringify(file)}), c = koffi.load(null);
    const code = Uint8Array.from(${JSON.stringify(TRIAL[process.arch] ?? [])});
    const at = BigInt(c.func("int64_t mmap(int64_t, size_t, int, int, int, int64_t)")(0, 16384, ${READ_WRITE}, ${FLAGS}, -1, 0));
    new Uint8Array(koffi.view(at, code.length)).set(code);
    if (c.func("int mprotect(int64_t, size_t, int)")(at, 16384, ${READ_EXECUTE}) !== 0) process.exit(1);
    c.func("void sys_icache_invalidate(int64_t, size_t)")(at, code.length);
    process.exit(koffi.call(at, koffi.proto("int ()")));`;
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: "1" };
  const { status } = spawnSync(process.execPath, ["-e", program], { env, stdio: "ignore", timeout: 10_000 });
  if (status !== ANSWER) throw forbidden();
}
