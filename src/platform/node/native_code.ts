// Memory and machine code outside of JavaScript, by the functions of the system through the npm package "koffi", which
// is optional.

import { createRequire } from "node:module";
import type { NativeCode, NativeMachine } from "../platform.ts";
import { callAt, type Library, libraryOf } from "./native_library.ts";
import { linuxMemory } from "./native_linux.ts";
import type { SystemMemory } from "./native_system.ts";
import { windowsMemory } from "./native_windows.ts";

/** The file of the package, for threads, which may not find it by name; undefined if it is not installed. */
export function packageFile(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve("koffi");
  } catch {
    return undefined;
  }
}

export const nativeCode: NativeCode = {
  open(): NativeMachine | string {
    const open = process.arch === "x64" ? SYSTEMS[process.platform] : undefined;
    if (open === undefined) return `there is no machine code for ${process.platform} on ${process.arch} yet`;
    const file = packageFile();
    if (file === undefined) return 'the npm package "koffi" is not installed';
    try {
      const koffi = libraryOf(file);
      return machineOf(file, koffi, open(koffi));
    } catch (error) {
      const [line] = String(error instanceof Error ? error.message : error).split("\n");
      return `machine code cannot be run here: ${line}`;
    }
  },
};

const SYSTEMS: Partial<Record<NodeJS.Platform, (koffi: Library) => SystemMemory>> = {
  linux: linuxMemory,
  win32: windowsMemory,
};

function machineOf(library: string, koffi: Library, memory: SystemMemory): NativeMachine {
  const { system, reserve, commit, release } = memory;
  const view = (address: number, bytes: number) => koffi.view(BigInt(address), bytes);
  const mapCode = (code: Uint8Array): number => {
    const address = reserve(code.byteLength);
    try {
      commit(address, code.byteLength);
      new Uint8Array(view(address, code.byteLength)).set(code);
      memory.makeExecutable(address, code.byteLength);
    } catch (error) {
      release(address, code.byteLength);
      throw error;
    }
    return address;
  };
  return {
    library,
    system,
    reserve,
    commit,
    release,
    view,
    mapCode,
    unmapCode: release,
    call: (address, args) => callAt(library, address, args),
  };
}
