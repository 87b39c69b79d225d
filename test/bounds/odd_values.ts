// Values that no config should contain, and the number of random ones to try.

import fc from "fast-check";

/** Times as many random cases as in every run of the tests: for a longer sweep. */
const FACTOR = Number(process.env.IMAGO_FUZZ_FACTOR ?? 1);

/** Of so many fixed cases one is tried, a different one for each field; in a longer sweep all are. */
export const STRIDE = FACTOR === 1 ? 6 : 1;

/** The same cases each time; with IMAGO_FUZZ_FACTOR others, and more. */
export const fuzzed = (runs: number): { numRuns: number; seed?: number } =>
  FACTOR === 1 ? { numRuns: runs, seed: 1 } : { numRuns: Math.ceil(runs * FACTOR) };

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

/** What is hard on whoever believes it: numbers at all ends, long lists and texts, control characters, depth. */
export const ODD_VALUES: readonly unknown[] = [
  ...[0, -1, 1, 2, 3, 0.5, 1e-300, -1e-300, 1e-7, 31, 1000, 65536, 1e6, 1e8, 1e9],
  ...[2 ** 31, 2 ** 32, 2 ** 53, 1e25, 1e300, -1e300, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ...[null, true, false, "", "0", "linear", "a\nb", "\u001b[2J\u0000", "x".repeat(1e5), "__proto__"],
  ...[
    [],
    {},
    [1],
    [1e8, 2e8, 3],
    [0.5, 0.5],
    [null],
    [[]],
    ["DownBlock2D"],
    { toString: 1 },
    { length: 1e9 },
  ],
  ...[nested(60), new Array(1e5).fill(0.01), new Array(1e5).fill("x")],
  ...[new Array(16).fill(65536), new Array(12).fill("AttnDownBlock2D"), new Array(1000).fill(0)],
];

export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...ODD_VALUES) },
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.jsonValue({ maxDepth: 3 }),
);
