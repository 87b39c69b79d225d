// What each row of the tables of vector instructions is: its name and operands in the order of Intel's syntax.

import type { EVEX_ONLY, VECTOR } from "../../src/engine/backends/cpu/native/x64/vector_opcodes.ts";

/**
 * Operands are separated by spaces. First the field: a is the assembler's `reg`, b `second`, c `rm`. Then the register:
 * nothing for a vector of the width, x for one of 128 bits, h for half the width, k a mask, d or q an integer of 32 or
 * 64 bits, - none. Then, behind a slash, the bytes in memory: f for the width, h for half of it, or a number; a star
 * where EVEX can repeat one element. {k} is the mask of the lanes written, # an immediate, ! a register in one.
 */
export interface Shape {
  readonly name: string;
  readonly operands: string;
  /** An extension of the opcode, or a comparison, that the name tells already. */
  readonly reg?: number;
  readonly imm?: number;
}
export interface Row {
  readonly vex?: readonly (1 | 2)[];
  readonly evex?: readonly (1 | 2 | 4)[];
  readonly shapes: readonly Shape[];
}

const one = (name: string, operands: string): readonly Shape[] => [{ name, operands }];
const TWO = [1, 2] as const;
const ALL = [1, 2, 4] as const;
const every = (name: string, operands: string): Row => ({ vex: TWO, evex: ALL, shapes: one(name, operands) });
const narrow = (name: string, operands: string): Row => ({
  vex: [1],
  evex: [1],
  shapes: one(name, operands),
});
/** By the predicates of COMPARE. */
const comparisons = (prefix: string, suffix: string, operands: string): readonly Shape[] =>
  ["eq", "lt", "le", "unord", "neq"].map((name, imm) => ({ name: prefix + name + suffix, operands, imm }));

export const VECTOR_ROWS: Readonly<Record<keyof typeof VECTOR, Row>> = {
  vmovups: every("vmovups", "a c/f"),
  vmovupsStore: every("vmovups", "c-/f a"),
  vmovaps: every("vmovaps", "a c/f"),
  vmovss: narrow("vmovss", "a c-/4"),
  vmovssStore: narrow("vmovss", "c-/4 a"),
  vmovsd: narrow("vmovsd", "a c-/8"),
  vmovsdStore: narrow("vmovsd", "c-/8 a"),
  vbroadcastss: every("vbroadcastss", "a cx/4"),
  vpbroadcastd: every("vpbroadcastd", "a cx/4"),
  vmovddup: narrow("vmovddup", "a c/8"),
  vaddps: every("vaddps", "a b c/f*"),
  vmulps: every("vmulps", "a b c/f*"),
  vsubps: every("vsubps", "a b c/f*"),
  vminps: every("vminps", "a b c/f*"),
  vdivps: every("vdivps", "a b c/f*"),
  vmaxps: every("vmaxps", "a b c/f*"),
  vsqrtps: every("vsqrtps", "a c/f*"),
  vandps: every("vandps", "a b c/f*"),
  vandnps: every("vandnps", "a b c/f*"),
  vorps: every("vorps", "a b c/f*"),
  vxorps: every("vxorps", "a b c/f*"),
  vcmpps: { vex: TWO, shapes: comparisons("vcmp", "ps", "a b c/f") },
  vshufps: every("vshufps", "a b c/f* #"),
  vunpcklps: every("vunpcklps", "a b c/f*"),
  vunpckhps: every("vunpckhps", "a b c/f*"),
  vblendvps: { vex: TWO, shapes: one("vblendvps", "a b c/f !") },
  vblendps: { vex: TWO, shapes: one("vblendps", "a b c/f #") },
  vinsertps: narrow("vinsertps", "a b c/4 #"),
  vpextrd: narrow("vpextrd", "cd/4 a #"),
  vpinsrd: narrow("vpinsrd", "a b cd/4 #"),
  vmovd: narrow("vmovd", "a cd/4"),
  // EVEX names the same bytes otherwise.
  vroundps: { vex: TWO, evex: ALL, shapes: one("vroundps", "a c/f* #") },
  vfmadd132ps: every("vfmadd132ps", "a b c/f*"),
  vfmadd213ps: every("vfmadd213ps", "a b c/f*"),
  vfmadd231ps: every("vfmadd231ps", "a b c/f*"),
  vfnmadd132ps: every("vfnmadd132ps", "a b c/f*"),
  vfnmadd213ps: every("vfnmadd213ps", "a b c/f*"),
  vfnmadd231ps: every("vfnmadd231ps", "a b c/f*"),
  vpaddd: every("vpaddd", "a b c/f*"),
  vpsubd: every("vpsubd", "a b c/f*"),
  vpmulld: every("vpmulld", "a b c/f*"),
  vpmuludq: every("vpmuludq", "a b c/f"),
  vpshufd: every("vpshufd", "a c/f* #"),
  vpcmpgtd: { vex: TWO, shapes: one("vpcmpgtd", "a b c/f") },
  vpshiftd: {
    ...{ vex: TWO, evex: ALL },
    shapes: [
      { name: "vpsrld", operands: "b c #", reg: 2 },
      { name: "vpsrad", operands: "b c #", reg: 4 },
      { name: "vpslld", operands: "b c #", reg: 6 },
    ],
  },
  vcvtdq2ps: every("vcvtdq2ps", "a c/f*"),
  vcvttps2dq: every("vcvttps2dq", "a c/f*"),
  vcvtps2pd: narrow("vcvtps2pd", "a c/8"),
  vcvtpd2ps: narrow("vcvtpd2ps", "a c/f"),
  vmulpd: every("vmulpd", "a b c/f"),
  vunpckhpd: every("vunpckhpd", "a b c/f"),
  vmulsd: narrow("vmulsd", "a b c/8"),
  vcvtsi2sd: narrow("vcvtsi2sd", "a b cq/8"),
  vpmovzxwd: every("vpmovzxwd", "a ch/h"),
  vpackusdw: every("vpackusdw", "a b c/f*"),
  vpermq: { vex: [2], evex: [2, 4], shapes: one("vpermq", "a c/f #") },
  vinsertf128: { vex: [2], shapes: one("vinsertf128", "a b cx/16 #") },
  vbroadcastf128: { vex: [2], shapes: one("vbroadcastf128", "a c-/16") },
};

export const EVEX_ONLY_ROWS: Readonly<Record<keyof typeof EVEX_ONLY, Row>> = {
  vpternlogd: { evex: ALL, shapes: one("vpternlogd", "a b c/f* #") },
  vcmppsToMask: { evex: ALL, shapes: comparisons("vcmp", "ps", "ak b c/f*") },
  vpcmpdToMask: { evex: ALL, shapes: [{ name: "vpcmpltd", operands: "ak b c/f*", imm: 1 }] },
  vblendmps: { evex: ALL, shapes: one("vblendmps", "a{k} b c/f*") },
  vpmovm2d: { evex: ALL, shapes: one("vpmovm2d", "a ck") },
  vpmovdw: { evex: ALL, shapes: one("vpmovdw", "ch/h a") },
  vshuff32x4: { evex: [2, 4], shapes: one("vshuff32x4", "a b c/f* #") },
  vbroadcastf32x4: { evex: [2, 4], shapes: one("vbroadcastf32x4", "a c-/16") },
  vpbroadcastdFromInt: { evex: ALL, shapes: one("vpbroadcastd", "a cd") },
};
/** The names of EVEX where they are others. */
export const EVEX_NAMES: Readonly<Record<string, string>> = { vroundps: "vrndscaleps" };
