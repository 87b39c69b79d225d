// Constants that fit into instructions.

/** Whether a sum or comparison can have the number in itself: 12 bits, or 12 bits followed by 12 zeros. */
export const isSumImmediate = (value: number): boolean => {
  const magnitude = Math.abs(value);
  return magnitude < 2 ** 12 || (magnitude < 2 ** 24 && magnitude % 2 ** 12 === 0);
};

/** The n of 2^n - 1, where the number is such a mask below 2^31. */
export const lowBits = (value: number): number | undefined =>
  value > 0 && value < 2 ** 31 && (value & (value + 1)) === 0 ? 32 - Math.clz32(value) : undefined;

/**
 * The fields of `movi`, `mvni` or `fmov` that write the word to each of four lanes, if one of them can: one byte at one
 * of four places and zeros, the same negated, or a float of three bits of exponent and four of fraction.
 */
export function vectorImmediate(word: number): number | undefined {
  const bits = word >>> 0;
  for (const [value, negated] of [
    [bits, 0],
    [~bits >>> 0, 1],
  ])
    for (let place = 0; place < 4; place++) {
      const byte = (value >>> (8 * place)) & 0xff;
      if ((byte << (8 * place)) >>> 0 === value) return fields(byte) | (negated << 29) | ((2 * place) << 12);
    }
  // Sign, exponent and fraction: abbb bbbc defg h000 ..., where the first b is inverted.
  const exponent = (bits >>> 25) & 0x3f;
  if ((bits & 0x7ffff) === 0 && (exponent === 0x20 || exponent === 0x1f)) {
    const byte = ((bits >>> 24) & 0x80) | ((exponent & 1) << 6) | ((bits >>> 19) & 0x3f);
    return fields(byte) | (0xf << 12);
  }
  return undefined;
}

/** A byte as these instructions hold it: three bits and five. */
const fields = (byte: number): number => ((byte >>> 5) << 16) | ((byte & 0x1f) << 5);
