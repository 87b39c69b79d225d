// The sets of instructions that machine code is made of.

import type { NativeMachine } from "../../../../platform/native.ts";
import type { VectorRegisters } from "../simd/builder.ts";
import { x64Sets } from "./x64/features.ts";

export type InstructionSet = "avx2" | "avx512" | "neon";

export const REGISTERS: Readonly<Record<InstructionSet, VectorRegisters>> = {
  avx2: { count: 16, vectors: 2 },
  avx512: { count: 32, vectors: 4 },
  neon: { count: 32, vectors: 1 },
};

/** The sets that can be used on a machine, the best first. Every processor of arm64 that runs Linux has NEON. */
export const instructionSets = (machine: NativeMachine): InstructionSet[] =>
  machine.architecture === "arm64" ? ["neon"] : x64Sets(machine);
