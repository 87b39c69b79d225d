// The systems that machine code is made for.

import type { NativeSystem } from "../../../../../platform/native.ts";
import type { System } from "../system.ts";
import type { Assembler } from "./assembler.ts";
import { linux } from "./system_linux.ts";
import { macos } from "./system_macos.ts";

/** @throws Error for a system on which there is no machine code of arm64 */
export function systemOf(system: NativeSystem): System<Assembler> {
  switch (system.kind) {
    case "linux":
      return linux;
    case "macos":
      return macos(system);
    case "windows":
      throw new Error("there is no machine code for Windows on arm64");
    default:
      return system satisfies never;
  }
}
