// The vector instructions that kernels use: one row is the VEX form (AVX2) and the EVEX form (AVX-512) of one operation.

/** Bytes of the memory operand, as a share of the vector or a fixed number: the unit of EVEX's 8-bit displacements. */
export type MemorySize = "full" | "half" | 4 | 8 | 16;

export interface VectorOpcode {
  /** Opcode map: 1 is 0F, 2 is 0F38, 3 is 0F3A. */
  readonly map: 1 | 2 | 3;
  /** Implied prefix: 0 none, 1 is 66, 2 is F3, 3 is F2. */
  readonly prefix: 0 | 1 | 2 | 3;
  readonly opcode: number;
  /** The bit W of the VEX and of the EVEX form. */
  readonly w: 0 | 1;
  readonly evexW: 0 | 1;
  readonly memory: MemorySize;
}

const row = (
  map: 1 | 2 | 3,
  prefix: 0 | 1 | 2 | 3,
  opcode: number,
  { w = 0, evexW = w, memory = "full" }: { w?: 0 | 1; evexW?: 0 | 1; memory?: MemorySize } = {},
): VectorOpcode => ({ map, prefix, opcode, w, evexW, memory });

/** By Intel's names; those of both encodings. */
export const VECTOR = {
  vmovups: row(1, 0, 0x10),
  vmovupsStore: row(1, 0, 0x11),
  vmovaps: row(1, 0, 0x28),
  vmovss: row(1, 2, 0x10, { memory: 4 }),
  vmovssStore: row(1, 2, 0x11, { memory: 4 }),
  vmovsd: row(1, 3, 0x10, { evexW: 1, memory: 8 }),
  vmovsdStore: row(1, 3, 0x11, { evexW: 1, memory: 8 }),
  vbroadcastss: row(2, 1, 0x18, { memory: 4 }),
  vpbroadcastd: row(2, 1, 0x58, { memory: 4 }),
  vmovddup: row(1, 3, 0x12, { evexW: 1, memory: 8 }),
  vaddps: row(1, 0, 0x58),
  vmulps: row(1, 0, 0x59),
  vsubps: row(1, 0, 0x5c),
  vminps: row(1, 0, 0x5d),
  vdivps: row(1, 0, 0x5e),
  vmaxps: row(1, 0, 0x5f),
  vsqrtps: row(1, 0, 0x51),
  vandps: row(1, 0, 0x54),
  vandnps: row(1, 0, 0x55),
  vorps: row(1, 0, 0x56),
  vxorps: row(1, 0, 0x57),
  vcmpps: row(1, 0, 0xc2),
  vshufps: row(1, 0, 0xc6),
  vunpcklps: row(1, 0, 0x14),
  vunpckhps: row(1, 0, 0x15),
  vblendvps: row(3, 1, 0x4a),
  vblendps: row(3, 1, 0x0c),
  vinsertps: row(3, 1, 0x21, { memory: 4 }),
  vpextrd: row(3, 1, 0x16, { memory: 4 }),
  vpinsrd: row(3, 1, 0x22, { memory: 4 }),
  vmovd: row(1, 1, 0x6e, { memory: 4 }),
  vroundps: row(3, 1, 0x08),
  vfmadd132ps: row(2, 1, 0x98),
  vfmadd213ps: row(2, 1, 0xa8),
  vfmadd231ps: row(2, 1, 0xb8),
  vfnmadd132ps: row(2, 1, 0x9c),
  vfnmadd213ps: row(2, 1, 0xac),
  vfnmadd231ps: row(2, 1, 0xbc),
  vpaddd: row(1, 1, 0xfe),
  vpsubd: row(1, 1, 0xfa),
  vpmulld: row(2, 1, 0x40),
  vpmuludq: row(1, 1, 0xf4, { evexW: 1 }),
  vpshufd: row(1, 1, 0x70),
  vpcmpgtd: row(1, 1, 0x66),
  /** vpsrld, vpsrad and vpslld by an immediate: the opcode's extension tells them apart. */
  vpshiftd: row(1, 1, 0x72),
  vcvtdq2ps: row(1, 0, 0x5b),
  vcvttps2dq: row(1, 2, 0x5b),
  vcvtps2pd: row(1, 0, 0x5a, { memory: 8 }),
  vcvtpd2ps: row(1, 1, 0x5a, { evexW: 1 }),
  vmulpd: row(1, 1, 0x59, { evexW: 1 }),
  vunpckhpd: row(1, 1, 0x15, { evexW: 1 }),
  vmulsd: row(1, 3, 0x59, { evexW: 1, memory: 8 }),
  vcvtsi2sd: row(1, 3, 0x2a, { w: 1, memory: 8 }),
  vpmovzxwd: row(2, 1, 0x33, { memory: "half" }),
  vpackusdw: row(2, 1, 0x2b),
  vpermq: row(3, 1, 0x00, { w: 1 }),
  vinsertf128: row(3, 1, 0x18, { memory: 16 }),
  vbroadcastf128: row(2, 1, 0x1a, { memory: 16 }),
} as const satisfies Record<string, VectorOpcode>;

/** Those of AVX-512 only. */
export const EVEX_ONLY = {
  vpternlogd: row(3, 1, 0x25),
  vcmppsToMask: row(1, 0, 0xc2),
  vpcmpdToMask: row(3, 1, 0x1f),
  vblendmps: row(2, 1, 0x65),
  vpmovm2d: row(2, 2, 0x38),
  vpmovdw: row(2, 2, 0x33, { memory: "half" }),
  vshuff32x4: row(3, 1, 0x23),
  vbroadcastf32x4: row(2, 1, 0x1a, { memory: 16 }),
  vpbroadcastdFromInt: row(2, 1, 0x7c),
} as const satisfies Record<string, VectorOpcode>;

/** Comparison predicates of vcmpps. All but the last are false for NaN. */
export const COMPARE = { eq: 0, lt: 1, le: 2, unordered: 3, ne: 4 } as const;
