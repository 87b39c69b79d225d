// The systems that machine code is made for.

import type { NativeSystem } from "../../../../../platform/native.ts";
import type { X64System } from "./system.ts";
import { linux } from "./system_linux.ts";
import { macos } from "./system_macos.ts";
import { windows } from "./system_windows.ts";

export function systemOf(system: NativeSystem): X64System {
  switch (system.kind) {
    case "linux":
      return linux;
    case "macos":
      return macos(system);
    case "windows":
      return windows(system);
    default:
      return system satisfies never;
  }
}
