// Arguments for the elementary functions: the same in every runtime, so their results can be compared by a hash.

import { hashing } from "#platform";
import {
  atan,
  atan2,
  cbrt,
  cos,
  exp,
  expm1,
  hypot,
  log,
  log1p,
  log2,
  log10,
  pow,
  sin,
  tan,
  tanh,
} from "../../src/engine/math/index.ts";

const functions = {
  ...{ exp, expm1, tanh, log, log1p, log2, log10, sin, cos, tan, atan, cbrt },
  ...{ atan2, hypot, pow },
};

export type Name = keyof typeof functions;
type Fill = (random: Random) => number;

/** A small generator, whose numbers need no function that is tested. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  word(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return (x ^ (x >>> 15)) >>> 0;
  }
  unit(): number {
    return (this.word() * 2 ** 21 + (this.word() >>> 11)) * 2 ** -53;
  }
  between = (low: number, high: number): number => low + (high - low) * this.unit();
  pick<T>(values: readonly T[]): T {
    return values[this.word() % values.length];
  }
}

const view = new DataView(new ArrayBuffer(8));

function fromWords(high: number, low: number): number {
  view.setUint32(0, high);
  view.setUint32(4, low);
  return view.getFloat64(0);
}

/** Some places of the last bit further on. */
function beside(x: number, places: number): number {
  view.setFloat64(0, x);
  view.setBigInt64(0, view.getBigInt64(0) + BigInt(places));
  return view.getFloat64(0);
}

/** Random bits: any exponent, either sign. */
const any: Fill = (random) => fromWords(random.word(), random.word());
/** Exponents from 2^low to 2^high. */
const scaled =
  (low: number, high: number): Fill =>
  (random) =>
    fromWords(
      (((random.word() % (high - low + 1)) + low + 1023) << 20) |
        (random.word() & 0xfffff) |
        (random.word() & 0x80000000),
      random.word(),
    );
const uniform =
  (low: number, high: number): Fill =>
  (random) =>
    random.between(low, high);
/** Next to a value, by places of the last bit or a little more. */
const near =
  (...values: readonly number[]): Fill =>
  (random) => {
    const value = random.pick(values);
    return random.word() % 2 === 0
      ? beside(value, (random.word() % 65) - 32)
      : value * (1 + random.between(-1, 1) * 2 ** -(random.word() % 50));
  };
const single =
  (fill: Fill): Fill =>
  (random) =>
    Math.fround(fill(random));
const fractions: Fill = (random) => (random.word() % 4096) / random.pick([1, 2, 3, 10, 256, 1000]);
/** Next to a multiple of pi / 2. */
const quarterTurns: Fill = (random) =>
  beside((random.word() % random.pick([8, 1000, 2 ** 20])) * (Math.PI / 2), (random.word() % 9) - 4);

const angles = [
  uniform(-10, 10),
  scaled(-30, 13),
  single(uniform(-1000, 1000)),
  quarterTurns,
  fractions,
  any,
];
const positive =
  (fill: Fill): Fill =>
  (random) =>
    Math.abs(fill(random));
const logs = [
  positive(any),
  uniform(0, 3),
  near(1, Math.SQRT2, Math.SQRT1_2, 2),
  single(uniform(0, 1)),
  fractions,
];
const small = [uniform(-3, 3), scaled(-60, 3), near(2 ** -9, -(2 ** -9)), single(uniform(-5, 5)), fractions];
const lengths = [uniform(-3, 3), scaled(-40, 40), single(uniform(-1, 1)), fractions, any];

/** What each argument is drawn from, in turn. */
export const SOURCES: Readonly<Record<Name, readonly (readonly Fill[])[]>> = {
  exp: [[...small, uniform(-746, 710), scaled(-30, 9), near(709.782712893384, -745.1332191019412, -708.4)]],
  expm1: [[...small, uniform(-40, 710)]],
  tanh: [[...small, uniform(-22, 22)]],
  log: [logs],
  log1p: [
    [...small, positive(any), near(2 ** -30, -1)].map((fill) => (random) => Math.max(-1, fill(random))),
  ],
  log2: [logs],
  log10: [[...logs, (random) => Number(`1e${(random.word() % 600) - 300}`)]],
  sin: [angles],
  cos: [angles],
  tan: [angles],
  atan: [[...lengths, near(1, -1)]],
  atan2: [lengths, lengths],
  cbrt: [[...lengths, (random) => (random.word() % 200_000) ** 3]],
  hypot: [lengths, lengths],
  pow: [
    [uniform(0, 3), positive(scaled(-40, 40)), near(1), single(uniform(0, 1)), fractions, positive(any)],
    [uniform(-5, 5), fractions, (random) => random.pick([2, 3, -1, 0.5, 1.5, 2.4, 1 / 2.4, 0.25, 7, -0.5])],
  ],
};

export const NAMES = Object.keys(SOURCES).sort() as Name[];

/** Each drawn as a list of one or two arguments. */
export function argumentsOf(name: Name, count: number, seed: number): number[][] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => SOURCES[name].map((fills) => random.pick(fills)(random)));
}

export const call = (name: Name, args: readonly number[]): number => functions[name](args[0], args[1] ?? 0);

/** The beginning of the hash of the bits of 10,000 results of each function. */
export function hashes(): Record<string, string> {
  return Object.fromEntries(
    NAMES.map((name, at) => {
      const results = Float64Array.from(argumentsOf(name, 10_000, at), (args) => {
        const value = call(name, args);
        // The bits of NaN are the runtime's.
        return Number.isNaN(value) ? -12345 : value;
      });
      const hasher = hashing.hasher("sha256");
      hasher.update(new Uint8Array(results.buffer));
      return [name, hasher.digest().slice(0, 16)];
    }),
  );
}
