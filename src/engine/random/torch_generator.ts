// The random numbers that torch's CPU generator draws, in the same order.
//
// With the same seed, weights, noise and timesteps start out as they do in Python: the uniform draws, randint and
// randperm are bit-exact, the normal ones equal up to the last bits of cos, sin and log (2.4e-7).

import * as exact from "../math/index.ts";
import { Mt19937, type Mt19937State } from "./mt19937.ts";

const { fround } = Math;
const TWO_PI = 2 * Math.PI;
const TWO_PI_F32 = fround(TWO_PI);
const SEED_MIN = -(2n ** 63n);
const SEED_MAX = 2n ** 64n - 1n;

/** The state from which a TorchGenerator continues; survives JSON. */
export interface TorchGeneratorState extends Mt19937State {
  /** The second normal of a pair drawn for n < 16, waiting for the next call. */
  readonly nextNormal: number | null;
}

/** torch.Generator("cpu").manual_seed(seed): MT19937 with torch's distributions. */
export class TorchGenerator {
  readonly #engine: Mt19937;
  #nextNormal: number | null = null;

  /**
   * @param seed a whole number, -2^63 .. 2^64-1, as torch takes it; only its low 32 bits are used
   * @throws RangeError for any other seed
   */
  constructor(seed: number | bigint) {
    this.#engine = new Mt19937(seedWord(seed));
  }

  /** One unsigned 32-bit word of the stream. */
  uint32(): number {
    return this.#engine.next();
  }

  /** One float32 in [0, 1): 24 bits of one word. */
  uniform(): number {
    return uniformOf(this.#engine.next());
  }

  /** One float64 in [0, 1): 53 bits of two words, the high one first. */
  uniformDouble(): number {
    const high = this.#engine.next();
    const low = this.#engine.next();
    return ((high & 0x1fffff) * 2 ** 32 + low) * 2 ** -53;
  }

  /** torch.rand(n): n float32 values in [0, 1). */
  rand(n: number): Float32Array {
    checkCount("rand", n);
    const out = new Float32Array(n);
    const words = new Uint32Array(out.buffer);
    this.#engine.fill(words);
    for (let i = 0; i < n; i++) out[i] = uniformOf(words[i]);
    return out;
  }

  /** torch.randn(n): n float32 values of the standard normal distribution, by Box-Muller. */
  randn(n: number): Float32Array {
    checkCount("randn", n);
    if (n < 16) return Float32Array.from({ length: n }, () => this.#normalDouble());
    const out = this.rand(n);
    for (let start = 0; start + 16 <= n; start += 16) boxMuller16(out, start);
    if (n % 16 !== 0) {
      // torch draws a whole chunk again for the tail, over values drawn before.
      for (let i = n - 16; i < n; i++) out[i] = this.uniform();
      boxMuller16(out, n - 16);
    }
    return out;
  }

  /**
   * torch.randint(lo, hi, (n,)): n whole numbers, lo <= x < hi.
   * @throws RangeError unless lo < hi and hi - lo < 2^28 (wider ranges draw differently in newer torch)
   */
  randint(lo: number, hi: number, n: number): Int32Array {
    checkCount("randint", n);
    const range = hi - lo;
    if (!Number.isInteger(lo) || !Number.isInteger(hi) || range <= 0 || range >= 2 ** 28) {
      throw new RangeError(
        `randint from ${lo} to ${hi}: expected whole numbers, from < to, less than 2^28 apart`,
      );
    }
    const out = new Int32Array(n);
    for (let i = 0; i < n; i++) out[i] = lo + (this.#engine.next() % range);
    return out;
  }

  /** torch.randperm(n): the numbers 0 .. n-1 shuffled (Fisher and Yates). */
  randperm(n: number): Int32Array {
    checkCount("randperm", n);
    const out = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = 0; i < n - 1; i++) {
      const j = i + (this.#engine.next() % (n - i));
      const kept = out[i];
      out[i] = out[j];
      out[j] = kept;
    }
    return out;
  }

  /** A copy of the state, for `restoreState`. */
  state(): TorchGeneratorState {
    return { ...this.#engine.state(), nextNormal: this.#nextNormal };
  }

  /** Continues from a state. @throws RangeError unless it was returned by `state()`. */
  restoreState(state: TorchGeneratorState): void {
    if (state.nextNormal !== null && !Number.isFinite(state.nextNormal)) {
      throw new RangeError(`generator state has nextNormal ${state.nextNormal}, expected a number or null`);
    }
    this.#engine.restore(state);
    this.#nextNormal = state.nextNormal;
  }

  /** Box-Muller in float64: one pair serves two calls. */
  #normalDouble(): number {
    if (this.#nextNormal !== null) {
      const cached = this.#nextNormal;
      this.#nextNormal = null;
      return cached;
    }
    const theta = TWO_PI * this.uniformDouble();
    const r = Math.sqrt(-2 * exact.log1p(-this.uniformDouble()));
    this.#nextNormal = r * exact.sin(theta);
    return r * exact.cos(theta);
  }
}

/** 24 bits of a word, as a float32 in [0, 1). */
const uniformOf = (word: number): number => (word & 0xffffff) * 2 ** -24;

/** Turns 16 uniform values at `start` into normal ones; value j pairs with value j + 8. */
function boxMuller16(out: Float32Array, start: number): void {
  for (let j = start; j < start + 8; j++) {
    const u1 = fround(1 - out[j]); // (0, 1], so that the logarithm is finite
    const theta = fround(TWO_PI_F32 * out[j + 8]);
    const r = fround(Math.sqrt(fround(-2 * fround(exact.log(u1)))));
    out[j] = r * fround(exact.cos(theta));
    out[j + 8] = r * fround(exact.sin(theta));
  }
}

/** torch's manual_seed: negative seeds count from 2^64 - 1, and MT19937 takes the low 32 bits. */
function seedWord(seed: number | bigint): number {
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    throw new RangeError(`seed is ${seed}, expected a whole number (a bigint past 2^53)`);
  }
  const wide = BigInt(seed);
  if (wide < SEED_MIN || wide > SEED_MAX) throw new RangeError(`seed is ${seed}, expected -2^63 .. 2^64-1`);
  return Number(BigInt.asUintN(32, wide < 0n ? wide + SEED_MAX : wide));
}

function checkCount(what: string, n: number): void {
  if (!Number.isInteger(n) || n < 0) throw new RangeError(`${what}: n is ${n}, expected a whole number >= 0`);
}
