// Machine code in tests. Where there is none the tests that need it are skipped, unless IMAGO_NEEDS_NATIVE is set.

import { describe } from "vitest";
import type { InstructionSet } from "../../src/engine/backends/cpu/native/instruction_sets.ts";
import { missing, nativeSets } from "./native_machine.ts";

if (process.env.IMAGO_NEEDS_NATIVE !== undefined && nativeSets.length === 0)
  throw new Error(`IMAGO_NEEDS_NATIVE is set, and ${missing}`);

/** A group of tests for each set of instructions; skipped, by name, where there is none. */
export function describeNative(name: string, tests: (instructions: InstructionSet) => void): void {
  if (nativeSets.length === 0) describe.skip(`${name} (skipped: ${missing})`, () => {});
  for (const set of nativeSets) describe(`${name}, ${set}`, () => tests(set));
}
