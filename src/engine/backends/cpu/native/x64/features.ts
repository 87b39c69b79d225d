// What the processor and the system offer, by the instructions cpuid and xgetbv.

import type { NativeMachine } from "../../../../../platform/native.ts";
import { Assembler, CONDITION } from "./assembler.ts";
import * as r from "./registers.ts";
import { systemOf } from "./systems.ts";

export type X64Set = "avx2" | "avx512";

/** (leaf, register) => int64: one register of cpuid's answer, 0 to 3 for eax, ebx, ecx, edx; or 4: xgetbv of 0. */
function questions([leaf, register]: readonly number[]): Uint8Array {
  const a = new Assembler(false);
  a.push(r.RBX);
  a.move(r.R8, register);
  a.move(r.RAX, leaf);
  a.moveConstant(r.RCX, 0);
  a.processorInformation();
  a.move(r.R9, r.RAX);
  const answers = [r.R9, r.RBX, r.RCX, r.RDX];
  a.moveConstant(r.R10, 0);
  answers.forEach((answer, i) => {
    a.withConstant(7, r.R8, i);
    a.moveIf(CONDITION.equal, r.R10, answer);
  });
  a.move(r.RAX, r.R10);
  a.pop(r.RBX);
  a.return();
  return a.finish();
}

function extendedState(): Uint8Array {
  const a = new Assembler(false);
  a.moveConstant(r.RCX, 0);
  a.extendedControl();
  a.return();
  return a.finish();
}

const bit = (word: number, at: number): boolean => (word & (1 << at)) !== 0;
const [ECX_FMA, ECX_OSXSAVE] = [12, 27];
const [EBX_AVX2, EBX_BMI2, EBX_AVX512F, EBX_AVX512DQ, EBX_AVX512BW, EBX_AVX512VL] = [5, 8, 16, 17, 30, 31];
/** The system saves the registers of AVX; those of AVX-512 as well. */
const [AVX_STATE, AVX512_STATE] = [0x6, 0xe6];

/** The sets that can be used here, the best first. */
export function x64Sets(machine: NativeMachine): X64Set[] {
  const ask = (code: Uint8Array, args: readonly number[]): number => {
    const at = machine.mapCode(code);
    try {
      return machine.call(at, args) | 0;
    } finally {
      machine.unmapCode(at, code.byteLength);
    }
  };
  const information = questions(systemOf(machine.system).convention.arguments);
  const cpuid = (leaf: number, register: 0 | 1 | 2 | 3) => ask(information, [leaf, register]);
  const [base, extended] = [cpuid(1, 2), cpuid(0, 0) >= 7 ? cpuid(7, 1) : 0];
  if (!bit(base, ECX_OSXSAVE)) return [];
  const state = ask(extendedState(), []);
  const saves = (wanted: number) => (state & wanted) === wanted;
  const hasAll = (bits: readonly number[]) => bits.every((at) => bit(extended, at));
  const avx2 = saves(AVX_STATE) && bit(base, ECX_FMA) && hasAll([EBX_AVX2, EBX_BMI2]);
  if (!avx2) return [];
  const avx512 = saves(AVX512_STATE) && hasAll([EBX_AVX512F, EBX_AVX512DQ, EBX_AVX512BW, EBX_AVX512VL]);
  return avx512 ? ["avx512", "avx2"] : ["avx2"];
}
