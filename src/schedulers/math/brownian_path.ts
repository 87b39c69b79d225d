// Brownian motion W(σ) of every value of an image, defined at every noise level before any step is chosen: increments
// add up for any choice of steps, and runs with fewer or more steps see the same noise. Like the virtual Brownian tree
// (Li et al. 2020, "Scalable gradients for stochastic differential equations", arXiv 2001.01328).
//
// The tree halves [0, top], with `top` a power of 2. W in the middle of an interval follows from W at its ends: their
// mean, plus noise of variance length / 4 that is keyed by the middle. Every float32 below `top` is the middle of some
// interval, so W is exact after about 24 + log2(top / σ) halvings.

import * as exact from "../../engine/math/index.ts";
import { philoxNormal } from "../../engine/random/philox.ts";

interface Interval {
  readonly low: number;
  readonly high: number;
  readonly atLow: Float64Array;
  readonly atHigh: Float64Array;
}

/** One image's path. */
export class BrownianPath {
  readonly #seed: bigint;
  readonly #size: number;
  /** The intervals around the last level, the widest first: the next level shares most of them. */
  readonly #nested: Interval[];

  /**
   * @param seed key of the noise, 0 .. 2^64-1
   * @param size values of the image
   * @param largest the highest level that will be used
   */
  constructor(seed: bigint, size: number, largest: number) {
    this.#seed = seed;
    this.#size = size;
    const high = exact.powerOfTwo(Math.ceil(exact.log2(largest)));
    const atHigh = this.#normal(high).map((z) => z * Math.sqrt(high));
    this.#nested = [{ low: 0, high, atLow: new Float64Array(size), atHigh }];
  }

  /**
   * W(to) - W(from): `size` values of variance |to - from|.
   * @param from 0 .. largest, a float32; so is `to`
   */
  increment(from: number, to: number): Float64Array {
    const start = this.#at(from);
    return this.#at(to).map((value, i) => value - start[i]);
  }

  #at(level: number): Float64Array {
    const nested = this.#nested;
    while (nested.length > 1 && !holds(nested[nested.length - 1], level)) nested.pop();
    for (;;) {
      const { low, high, atLow, atHigh } = nested[nested.length - 1];
      if (level === low) return atLow;
      if (level === high) return atHigh;
      const middle = (low + high) / 2;
      const spread = Math.sqrt(high - low) / 2;
      const atMiddle = this.#normal(middle).map((z, i) => (atLow[i] + atHigh[i]) / 2 + spread * z);
      nested.push(
        level < middle
          ? { low, high: middle, atLow, atHigh: atMiddle }
          : { low: middle, high, atLow: atMiddle, atHigh },
      );
    }
  }

  /** The noise keyed by a level. */
  #normal(level: number): Float64Array {
    const [site] = new Uint32Array(Float32Array.of(level).buffer);
    const out = new Float64Array(this.#size);
    philoxNormal(out, { seed: this.#seed, step: 0, site });
    return out;
  }
}

const holds = ({ low, high }: Interval, level: number): boolean => low <= level && level <= high;

/** A key over every bit of some values: the 64-bit FNV-1a hash, a word at a time. */
export function keyOf(values: Float32Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const word of new Uint32Array(values.slice().buffer)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(word)) * 0x100000001b3n);
  }
  return hash;
}
