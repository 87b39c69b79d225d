// The sets of instructions that this machine has, for tests, and backends of them.

import {
  type InstructionSet,
  instructionSets,
} from "../../src/engine/backends/cpu/native/instruction_sets.ts";
import { NativeBackend, type NativeBackendOptions } from "../../src/engine/backends/cpu/native_backend.ts";
import { nativeCode } from "../../src/platform/node/native_code.ts";

const opened = nativeCode.open();
export const native = typeof opened === "string" ? undefined : opened;
export const nativeSets: readonly InstructionSet[] = native === undefined ? [] : instructionSets(native);

/** Why there are none, where there are none. */
export const missing = typeof opened === "string" ? opened : "this processor has no AVX2";

/** A backend with one of `nativeSets`. */
export function nativeBackend(
  instructions: InstructionSet,
  options: NativeBackendOptions = {},
): NativeBackend {
  if (native === undefined) throw new Error(missing);
  return new NativeBackend({ machine: native, instructions }, options);
}
