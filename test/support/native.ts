// Machine code in tests: the sets of instructions that this machine has.

import { instructionSets } from "../../src/engine/backends/cpu/native/x64/features.ts";
import type { InstructionSet } from "../../src/engine/backends/cpu/native/x64/module.ts";
import { nativeCode } from "../../src/platform/node/native_code.ts";

const opened = nativeCode.open();

/** Why no machine code can be tested here. */
export const noNative = typeof opened === "string" ? opened : undefined;
export const native = typeof opened === "string" ? undefined : opened;
export const nativeSets: readonly InstructionSet[] = native === undefined ? [] : instructionSets(native);

if (process.env.IMAGO_NEEDS_NATIVE === "1" && nativeSets.length === 0)
  throw new Error(`IMAGO_NEEDS_NATIVE is set, and ${noNative ?? "this processor has no AVX2"}`);
