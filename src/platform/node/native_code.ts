// Memory and machine code outside of JavaScript, by the functions of the system through the npm package "koffi", which
// is optional.

import { createRequire } from "node:module";
import type { NativeCode, NativeMachine } from "../native.ts";
import { callAt, type Library, libraryOf } from "./native_library.ts";
import { linuxMemory } from "./native_linux.ts";
import { macMemory, tryMacCode } from "./native_macos.ts";
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
    const { arch, platform } = process;
    const open = SYSTEMS.find((system) => system.platform === platform && system.architecture === arch);
    if (open === undefined) return `there is no machine code for ${platform} on ${arch} yet`;
    const file = packageFile();
    if (file === undefined) return 'the npm package "koffi" is not installed';
    try {
      const koffi = libraryOf(file);
      open.attempt?.(file);
      return machineOf(file, koffi, open.architecture, open.memory(koffi));
    } catch (error) {
      const [line] = String(error instanceof Error ? error.message : error).split("\n");
      return `machine code cannot be run here: ${line}`;
    }
  },
};

interface KnownSystem {
  readonly platform: NodeJS.Platform;
  readonly architecture: NativeMachine["architecture"];
  readonly memory: (koffi: Library) => SystemMemory;
  /** Where it is not known beforehand: throws where the system forbids code. */
  readonly attempt?: (file: string) => void;
}
const SYSTEMS: readonly KnownSystem[] = [
  { platform: "linux", architecture: "x64", memory: linuxMemory },
  { platform: "linux", architecture: "arm64", memory: linuxMemory },
  { platform: "darwin", architecture: "x64", memory: macMemory, attempt: tryMacCode },
  { platform: "darwin", architecture: "arm64", memory: macMemory, attempt: tryMacCode },
  { platform: "win32", architecture: "x64", memory: windowsMemory },
];

function machineOf(
  library: string,
  koffi: Library,
  architecture: NativeMachine["architecture"],
  memory: SystemMemory,
): NativeMachine {
  const { system, reserve, commit, giveBack, release } = memory;
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
    architecture,
    library,
    system,
    reserve,
    commit,
    giveBack,
    release,
    view,
    mapCode,
    unmapCode: release,
    call: (address, args) => callAt(library, address, args),
  };
}
