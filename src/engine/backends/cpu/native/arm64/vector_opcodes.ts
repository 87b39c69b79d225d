// The instructions on vectors that kernels use, as words whose fields of registers are empty.
// Source: Arm Architecture Reference Manual for A-profile, chapter C7.

/** Two operands: the result is in bits 0 to 4, the operands are in bits 5 to 9 and 16 to 20. */
export const BINARY = {
  fadd: 0x4e20d400,
  fsub: 0x4ea0d400,
  fmul: 0x6e20dc00,
  fdiv: 0x6e20fc00,
  fmax: 0x4e20f400,
  fmin: 0x4ea0f400,
  fmla: 0x4e20cc00,
  fmls: 0x4ea0cc00,
  fcmeq: 0x4e20e400,
  fcmge: 0x6e20e400,
  fcmgt: 0x6ea0e400,
  cmgt: 0x4ea03400,
  add: 0x4ea08400,
  sub: 0x6ea08400,
  mul: 0x4ea09c00,
  and: 0x4e201c00,
  bic: 0x4e601c00,
  orr: 0x4ea01c00,
  eor: 0x6e201c00,
  /** The result is the mask, whose ones choose the first operand. */
  bsl: 0x6e601c00,
  /** The result takes bits of the first operand where the second has ones; or zeros. */
  bit: 0x6ea01c00,
  bif: 0x6ee01c00,
  umull: 0x2ea0c000,
  umull2: 0x6ea0c000,
  fmulDouble: 0x6e60dc00,
  zip1: 0x4e803800,
  zip2: 0x4e807800,
  uzp1: 0x4e801800,
  uzp2: 0x4e805800,
  trn1: 0x4e802800,
  trn2: 0x4e806800,
} as const;

/** One operand, in bits 5 to 9. */
export const UNARY = {
  mvn: 0x6e205800,
  fabs: 0x4ea0f800,
  fneg: 0x6ea0f800,
  fsqrt: 0x6ea1f800,
  frintm: 0x4e219800,
  frintp: 0x4ea18800,
  frintz: 0x4ea19800,
  scvtf: 0x4e21d800,
  fcvtzs: 0x4ea1b800,
  fcvtl: 0x0e617800,
  fcvtn: 0x0e616800,
  rev64: 0x4ea00800,
  /** Four unsigned numbers of 16 bits to 32, and back without their upper halves. */
  uxtl: 0x2f10a400,
  xtn: 0x0e612800,
} as const;

/** The last operand is lane `index` of a register. */
export const BY_ELEMENT = { fmla: 0x4f801000, fmls: 0x4f805000, fmul: 0x4f809000 } as const;

/** Moves of one lane: `dup` to all lanes, `mov` to the first of an otherwise empty vector. */
export const LANE = {
  /** From a lane of 32 bits, of 64. */
  dupFloat: { word: 0x4e000400, size: 4 },
  dupDouble: { word: 0x4e000400, size: 8 },
  movFloat: { word: 0x5e000400, size: 4 },
  movDouble: { word: 0x5e000400, size: 8 },
  /** To an integer register, with its sign. */
  smov: { word: 0x4e002c00, size: 4 },
  /** From an integer register into one lane; the others stay. */
  insertInteger: { word: 0x4e001c00, size: 4 },
} as const;

/** Shifts of lanes of 32 bits by a constant. */
export const SHIFT = {
  left: 0x4f005400,
  rightSigned: 0x4f000400,
  right: 0x6f000400,
} as const;

export type Binary = keyof typeof BINARY;
export type Unary = keyof typeof UNARY;
export type ByElement = keyof typeof BY_ELEMENT;
export type Lane = keyof typeof LANE;
export type Shift = keyof typeof SHIFT;
