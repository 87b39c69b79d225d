// Values that operations are tried on: the special ones of each type, and others.

const float = new Float32Array(1);
const bitsOf = (value: number): number => {
  float[0] = value;
  return new Int32Array(float.buffer)[0];
};

/** Bits of f32 lanes: not a number, infinite, zero, denormal, halves to round, beyond 2^31; masks and integers. */
const LANES: readonly number[] = [
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, -1].map(bitsOf),
  ...[0.5, -1.5, 2.5, 3.4e38, -1e10, 2 ** 31, -(2 ** 31), 2 ** 31 - 128, 2 ** 23 + 1].map(bitsOf),
  ...[1, 0x80000001, 0x007fffff, 0xffffffff, 0x7fffffff, 0xffff, 0xfffffffe, 0xff800001],
];
/** Integers of 32 bits. */
const INTEGERS: readonly number[] = [
  ...[0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 100, 255, 256, 1000, 65535, 65536, 1_000_000, 2 ** 31 - 1],
  ...[-1, -2, -100, -65536, -(2 ** 31)],
];
/** What may be divided, and by what. */
const NUMERATORS: readonly number[] = INTEGERS.map((value) => (value < 0 ? -(value + 1) : value));
const DIVISORS: readonly number[] = NUMERATORS.map((value) => Math.max(1, value));
const DOUBLES: readonly number[] = [
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, -1, 0.1, -0.1, 1 / 3],
  ...[1e300, -1e300, 1e-300, 5e-324, -5e-324, 1e39, 3.5e38, 1e-45, 7e-46, 1 + 2 ** -24, 1e10, 2 ** 31, 7, -9],
];

/** 32-bit words in each buffer of values: every pair of two lists of 24. */
export const WORDS = 576;

/** Repeatable integers of 32 bits, without a sign. */
export function randomWords(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b9);
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    return (state ^ (state >>> 13)) >>> 0;
  };
}

/** Values of one operand: operand 0 changes fastest, 1 slower, so that they meet in every pair; 2 is drawn. */
function spread(list: readonly number[], operand: number): number[] {
  const random = randomWords(operand);
  return Array.from({ length: WORDS }, (_, i) => {
    const at = operand === 0 ? i : operand === 1 ? Math.floor(i / list.length) : random();
    return list[at % list.length];
  });
}

export type Domain = "lanes" | "integers" | "masks" | "doubles" | "counts" | "numerators" | "divisors";

/** The words of a buffer of values. */
export function valuesOf(domain: Domain, operand: number): Int32Array<ArrayBuffer> {
  switch (domain) {
    case "lanes":
      return Int32Array.from(spread(LANES, operand), (word) => word | 0);
    case "integers":
      return Int32Array.from(spread(INTEGERS, operand));
    case "numerators":
      return Int32Array.from(spread(NUMERATORS, operand));
    case "divisors":
      return Int32Array.from(spread(DIVISORS, operand));
    case "counts":
      return Int32Array.from({ length: WORDS }, (_, i) => (i * 7) % 32);
    case "masks": {
      const random = randomWords(operand);
      return Int32Array.from({ length: WORDS }, () => -(random() & 1));
    }
    case "doubles":
      return new Int32Array(Float64Array.from(spread(DOUBLES, operand).slice(0, WORDS / 2)).buffer);
    default:
      return domain satisfies never;
  }
}
