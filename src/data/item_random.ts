// Random numbers for data: four words for every (seed, epoch, image, stream), independent of earlier draws. So resumed
// runs, and runs with other options, draw the same numbers for the same purposes.
import * as exact from "../engine/math/index.ts";
import { philox4x32 } from "../engine/random/philox.ts";

/**
 * Each use of random numbers has its own stream, so that none changes when another is switched on. The stream is the
 * last counter word, which is 0 in tensor programs. Never renumber a stream.
 */
export const STREAM = {
  shuffle: 1,
  flip: 2,
  crop: 3,
  rotation: 4,
  shift: 5,
  color: 6,
  edmFlips: 7,
  edmScale: 8,
  edmRotation: 9,
  edmAnisotropy: 10,
  edmAxis: 11,
  edmShift: 12,
} as const;

export type Stream = (typeof STREAM)[keyof typeof STREAM];

export class ItemRandom {
  readonly #key: Uint32Array;
  readonly #counter = new Uint32Array(4);

  /** @param seed 0 .. 2^53-1 */
  constructor(seed: number) {
    this.#key = new Uint32Array([seed % 2 ** 32, Math.floor(seed / 2 ** 32)]);
  }

  /** Four words, each 0 .. 2^32-1. The next call reuses the array. */
  words(item: number, epoch: number, stream: Stream): Uint32Array {
    const counter = this.#counter;
    counter[0] = item;
    counter[1] = epoch % 2 ** 32;
    counter[2] = Math.floor(epoch / 2 ** 32);
    counter[3] = stream;
    philox4x32(counter, this.#key, counter);
    return counter;
  }

  /** The same words as four numbers in (0, 1). */
  uniforms(item: number, epoch: number, stream: Stream): readonly [number, number, number, number] {
    const [a, b, c, d] = this.words(item, epoch, stream);
    return [unit(a), unit(b), unit(c), unit(d)];
  }
}

const unit = (word: number): number => (word + 0.5) * 2 ** -32;

/** Two independent standard normal numbers from two uniform ones in (0, 1), by the Box-Muller method. */
export function normals(u1: number, u2: number): readonly [number, number] {
  const radius = Math.sqrt(-2 * exact.log(u1));
  const angle = 2 * Math.PI * u2;
  return [radius * exact.cos(angle), radius * exact.sin(angle)];
}
