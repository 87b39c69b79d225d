// The random numbers of the synthetic butterflies.

/**
 * A 32-bit SplitMix generator. Each draw adds the golden ratio to a counter and scrambles it (Steele, Lea and Flood,
 * "Fast splittable pseudorandom number generators", 2014, with the 32-bit finalizer of MurmurHash3). It is small, gives
 * the same numbers on every machine, and is good enough for pictures.
 */
export class Draw {
  private state: number;

  constructor(seed: number) {
    this.state = scramble((seed ^ 0x1ac0_f17e) >>> 0);
  }

  /** Uniform in [0, 1). */
  unit(): number {
    this.state = (this.state + 0x9e37_79b9) >>> 0;
    return scramble(this.state) / 0x1_0000_0000;
  }

  /** Uniform in [low, high). */
  range(low: number, high: number): number {
    return low + (high - low) * this.unit();
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** Bell-shaped around 0 and bounded: the sum of four uniforms, in (-1, 1), standard deviation 0.29. */
  bell(): number {
    return (this.unit() + this.unit() + this.unit() + this.unit()) / 2 - 1;
  }

  /** One of the options, uniformly. */
  pick<T>(options: readonly [T, ...T[]]): T {
    return options[Math.floor(this.unit() * options.length)] ?? options[0];
  }
}

function scramble(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
  return (word ^ (word >>> 16)) >>> 0;
}
