// Machine code in tests: the sets of instructions that this machine has. Where there is none the tests that need them
// are skipped, unless IMAGO_NEEDS_NATIVE is set.

import { describe } from "vitest";
import { instructionSets } from "../../src/engine/backends/cpu/native/x64/features.ts";
import type { InstructionSet } from "../../src/engine/backends/cpu/native/x64/module.ts";
import { NativeBackend, type NativeBackendOptions } from "../../src/engine/backends/cpu/native_backend.ts";
import { nativeCode } from "../../src/platform/node/native_code.ts";

const opened = nativeCode.open();
export const native = typeof opened === "string" ? undefined : opened;
export const nativeSets: readonly InstructionSet[] = native === undefined ? [] : instructionSets(native);

const missing = typeof opened === "string" ? opened : "this processor has no AVX2";
if (process.env.IMAGO_NEEDS_NATIVE !== undefined && nativeSets.length === 0)
  throw new Error(`IMAGO_NEEDS_NATIVE is set, and ${missing}`);

/** A backend with one of `nativeSets`. */
export function nativeBackend(
  instructions: InstructionSet,
  options: NativeBackendOptions = {},
): NativeBackend {
  if (native === undefined) throw new Error(missing);
  return new NativeBackend({ machine: native, instructions }, options);
}

/** A group of tests for each set of instructions; skipped, by name, where there is none. */
export function describeNative(name: string, tests: (instructions: InstructionSet) => void): void {
  if (nativeSets.length === 0) describe.skip(`${name} (skipped: ${missing})`, () => {});
  for (const set of nativeSets) describe(`${name}, ${set}`, () => tests(set));
}
