// The bits of a double: its exponent, its parts, powers of two.

const double = new Float64Array(1);
/** The low word, then the high one: every machine that runs WebAssembly is little-endian, or looks so. */
const words = new Int32Array(double.buffer);

/** Sign, exponent and the top 20 bits of the fraction. */
export function highWord(x: number): number {
  double[0] = x;
  return words[1];
}

const LEAST_EXPONENT = -1074;
/** All powers of two. Read from a table, they are there sooner than when their bits are put together. */
const POWERS = powers();

function powers(): Float64Array {
  const table = new Float64Array(1024 - LEAST_EXPONENT);
  let power = Number.MIN_VALUE;
  for (let i = 0; i < table.length; i++, power *= 2) table[i] = power;
  return table;
}

/** 2^n, for -1074 <= n <= 1023. */
export const powerOfTwo = (n: number): number => POWERS[n - LEAST_EXPONENT];

/** |x| = mantissa 2^exponent, exactly. */
export function mantissaOf(x: number): { readonly mantissa: bigint; readonly exponent: number } {
  double[0] = Math.abs(x);
  const biased = words[1] >>> 20;
  const fraction = (words[1] & 0xfffff) * 0x100000000 + (words[0] >>> 0);
  return biased === 0
    ? { mantissa: BigInt(fraction), exponent: -1074 }
    : { mantissa: BigInt(fraction + 0x10000000000000), exponent: biased - 1075 };
}
