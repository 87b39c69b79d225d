// Loads and stores, as words in the form with an offset of 9 bits; the other forms differ in a few bits.
// Source: Arm Architecture Reference Manual for A-profile, chapters C6 and C7.

export interface MemoryOpcode {
  readonly word: number;
  /** Bytes that it moves: the unit of offsets of 12 bits, and of indices. */
  readonly bytes: 1 | 2 | 4 | 8 | 16;
}

export const MEMORY = {
  load64: { word: 0xf8400000, bytes: 8 },
  store64: { word: 0xf8000000, bytes: 8 },
  /** 32 bits with their sign. */
  loadI32: { word: 0xb8800000, bytes: 4 },
  store32: { word: 0xb8000000, bytes: 4 },
  loadU16: { word: 0x78400000, bytes: 2 },
  store16: { word: 0x78000000, bytes: 2 },
  /** The lower lanes of a vector register, whose others become zero. */
  loadFloat: { word: 0xbc400000, bytes: 4 },
  storeFloat: { word: 0xbc000000, bytes: 4 },
  loadDouble: { word: 0xfc400000, bytes: 8 },
  storeDouble: { word: 0xfc000000, bytes: 8 },
  loadVector: { word: 0x3cc00000, bytes: 16 },
  storeVector: { word: 0x3c800000, bytes: 16 },
  /** Into the first cache, to stay there: its register is 0. */
  prefetch: { word: 0xf8800000, bytes: 8 },
} as const satisfies Record<string, MemoryOpcode>;

export type MemoryOperation = keyof typeof MEMORY;

/** Of 32 bits, at an address without an offset. */
export const ATOMIC = {
  loadAcquire: 0x88dffc00,
  storeRelease: 0x889ffc00,
  /** Begins an exclusive access. */
  loadExclusive: 0x885ffc00,
} as const;
export type Atomic = keyof typeof ATOMIC;

/** Whether an instruction that moves so many bytes reaches so far from its base. */
export const isOffset = (disp: number, bytes: number): boolean =>
  (disp >= -256 && disp <= 255) || (disp >= 0 && disp % bytes === 0 && disp / bytes <= 4095);
