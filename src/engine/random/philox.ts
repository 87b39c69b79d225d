// Philox 4x32-10, the counter-based generator (Salmon et al. 2011, "Parallel random numbers: as easy as
// 1, 2, 3"), on the host. Programs draw the same numbers in-graph: value i depends on (seed, step, site, i) only,
// never on thread count, tile order or backend.

import * as exact from "../math/index.ts";

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** The key of a stream. */
export interface PhiloxKey {
  /** 0 .. 2^64-1; as a number, at most 2^53-1. */
  readonly seed: number | bigint;
  /** The training or sampling step, 0 .. 2^32-1. */
  readonly step: number;
  /** Which random op of the program, 0 .. 2^32-1. */
  readonly site: number;
  /** Index of the first block of four values, 0 .. 2^32-1. Default 0. */
  readonly firstBlock?: number;
}

/**
 * One block: four words from a counter of four words and a key of two.
 * @param out four words; may be `counter` itself
 */
export function philox4x32(counter: Uint32Array, key: Uint32Array, out: Uint32Array): void {
  let [x0, x1, x2, x3] = [counter[0], counter[1], counter[2], counter[3]];
  let [k0, k1] = [key[0], key[1]];
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, x0);
    const low0 = Math.imul(MULTIPLIER_0, x0);
    const high1 = multiplyHigh(MULTIPLIER_1, x2);
    const low1 = Math.imul(MULTIPLIER_1, x2);
    x0 = (high1 ^ x1 ^ k0) >>> 0;
    x1 = low1 >>> 0;
    x2 = (high0 ^ x3 ^ k1) >>> 0;
    x3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}

/**
 * Fills `out` with uniform values in [0, 1): the top 24 bits of word i & 3 of block i >>> 2.
 * @throws RangeError for a seed, step or site out of range
 */
export function philoxUniform(out: Float32Array | Float64Array, key: PhiloxKey): void {
  forEachBlock(out, key, (words, at) => {
    const count = Math.min(4, out.length - at);
    for (let j = 0; j < count; j++) out[at + j] = unit(words[j]);
  });
}

/**
 * Fills `out` with standard normal values by Box-Muller, computed in float64: words 0 and 1 of a block give its values
 * 0 and 1, words 2 and 3 its values 2 and 3.
 * @throws RangeError for a seed, step or site out of range
 */
export function philoxNormal(out: Float32Array | Float64Array, key: PhiloxKey): void {
  forEachBlock(out, key, (words, at) => {
    for (let pair = 0; pair < 4; pair += 2) {
      const u1 = unit(words[pair]) + 2 ** -24; // (0, 1]
      const r = Math.sqrt(-2 * exact.log(u1));
      const theta = 2 * Math.PI * unit(words[pair + 1]);
      const i = at + pair;
      if (i < out.length) out[i] = r * exact.cos(theta);
      if (i + 1 < out.length) out[i + 1] = r * exact.sin(theta);
    }
  });
}

/** Calls `use` with the words of each block of `out`, and the index of the block's first value. */
function forEachBlock(
  out: Float32Array | Float64Array,
  { seed, step, site, firstBlock = 0 }: PhiloxKey,
  use: (words: Uint32Array, at: number) => void,
): void {
  const key = seedWords(seed);
  const counter = new Uint32Array([0, checkWord("site", site), checkWord("step", step), 0]);
  const words = new Uint32Array(4);
  for (let at = 0, block = checkWord("firstBlock", firstBlock); at < out.length; at += 4, block++) {
    counter[0] = block;
    philox4x32(counter, key, words);
    use(words, at);
  }
}

/** The top 24 bits of a word as a number in [0, 1). */
function unit(word: number): number {
  return (word >>> 8) * 2 ** -24;
}

/** The high 32 bits of the 64-bit product of two unsigned words. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + Math.floor((aLow * bLow) / 0x10000); // < 2^32, exact
  const carry = aLow * bHigh + (middle & 0xffff); // < 2^32, exact
  return aHigh * bHigh + (middle >>> 16) + Math.floor(carry / 0x10000);
}

function seedWords(seed: number | bigint): Uint32Array {
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    throw new RangeError(`seed is ${seed}, expected a whole number (a bigint past 2^53)`);
  }
  const wide = BigInt(seed);
  if (wide < 0n || wide >= 2n ** 64n) throw new RangeError(`seed is ${seed}, expected 0 .. 2^64-1`);
  return new Uint32Array([Number(wide & 0xffffffffn), Number(wide >> 32n)]);
}

function checkWord(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new RangeError(`${name} is ${value}, expected a whole number, 0 .. 2^32-1`);
  }
  return value;
}
