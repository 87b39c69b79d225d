// The Mersenne Twister, 32-bit words (Matsumoto & Nishimura 1998).
// Knows nothing of distributions; torch_generator.ts builds torch's on top.

const N = 624;
const M = 397;
const UPPER_MASK = 0x80000000;
const LOWER_MASK = 0x7fffffff;
const MATRIX_A = 0x9908b0df;

/** The state: 624 words, and how many of them have been used since the last refill (0..624). */
export interface Mt19937State {
  /** 624 unsigned 32-bit words. */
  readonly words: readonly number[];
  /** Words used since the last refill, 0 .. 624. */
  readonly position: number;
}

/** A stream of unsigned 32-bit words. */
export class Mt19937 {
  readonly #words = new Uint32Array(N);
  #position = N;

  /** @param seed any unsigned 32-bit number */
  constructor(seed: number) {
    const words = this.#words;
    words[0] = seed;
    for (let j = 1; j < N; j++) {
      const previous = words[j - 1];
      words[j] = Math.imul(1812433253, previous ^ (previous >>> 30)) + j;
    }
  }

  /** The next word, 0 .. 2^32-1. */
  next(): number {
    if (this.#position >= N) this.#refill();
    return tempered(this.#words[this.#position++]);
  }

  /** The next words, as many as `out` holds. */
  fill(out: Uint32Array): void {
    const words = this.#words;
    for (let done = 0; done < out.length; ) {
      if (this.#position >= N) this.#refill();
      const end = Math.min(out.length, done + N - this.#position);
      let position = this.#position;
      while (done < end) out[done++] = tempered(words[position++]);
      this.#position = position;
    }
  }

  /** A copy of the state that survives JSON. */
  state(): Mt19937State {
    return { words: Array.from(this.#words), position: this.#position };
  }

  /**
   * Continues from a state returned by `state()`.
   * @throws RangeError when it does not have 624 unsigned 32-bit words and a position of 0..624.
   */
  restore(state: Mt19937State): void {
    const { words, position } = state;
    const isWord = (word: number) => Number.isInteger(word) && word >= 0 && word <= 0xffffffff;
    if (words.length !== N || !words.every(isWord)) {
      throw new RangeError(`Mersenne Twister state needs ${N} unsigned 32-bit words, got ${words.length}`);
    }
    if (!Number.isInteger(position) || position < 0 || position > N) {
      throw new RangeError(`Mersenne Twister position is ${position}, expected 0..${N}`);
    }
    this.#words.set(words);
    this.#position = position;
  }

  #refill(): void {
    const words = this.#words;
    for (let j = 0; j < N; j++) {
      const y = (words[j] & UPPER_MASK) | (words[j + 1 < N ? j + 1 : 0] & LOWER_MASK);
      words[j] = words[j + M < N ? j + M : j + M - N] ^ (y >>> 1) ^ (y & 1 ? MATRIX_A : 0);
    }
    this.#position = 0;
  }
}

/** A word of the state as the stream gives it. */
function tempered(word: number): number {
  let y = word ^ (word >>> 11);
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return (y ^ (y >>> 18)) >>> 0;
}
