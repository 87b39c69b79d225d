// What the kernels of attention share. An invocation has one token of one head in registers; the other tokens pass
// through workgroup memory, block after block. Channels are taken in fours where they can be.

import type { AttentionHeads } from "../../../../graph.ts";
import type { Lanes } from "../../wgsl/functions.ts";
import { float } from "../../wgsl/text.ts";
import { type Arg, type ArrayKind, floats, type Stored } from "../kernel.ts";

export interface AttentionSpec {
  readonly images: number;
  readonly tokens: number;
  readonly heads: number;
  /** Channels of a head. */
  readonly channels: number;
  readonly scale: number;
  /** Whether the other tokens pass through workgroup memory; else each invocation reads them. */
  readonly shares: boolean;
}

export const attentionSpec = (
  [images, tokens, width]: readonly number[],
  { heads, scale }: AttentionHeads,
  shares: boolean,
): AttentionSpec => ({ images, tokens, heads, channels: width / heads, scale, shares });

/** Tokens of a workgroup. */
export const SIZE = 64;
/** Bytes of workgroup memory for each of two operands. */
const BLOCK_BYTES = 8192;
const FLOAT = 4;
/** Most values of a row for which code is written out, so that they are registers. */
const MOST_UNROLLED = 16;

/** Below all scores. */
export const START = float(-3.4028234663852886e38);

export const lanesOf = ({ channels }: AttentionSpec): Lanes => (channels % 4 === 0 ? 4 : 1);
/** Values of a row: fours of channels, or channels. */
const unitsOf = (spec: AttentionSpec): number => spec.channels / lanesOf(spec);

/** How the arrays of attention are stored. */
export interface AttentionStorage {
  /** q, k and v, and for the gradient that of the result. */
  readonly inputs: readonly Stored[];
  readonly result: Stored;
}

/** An array of rows. */
export const rowsOf = (spec: AttentionSpec, stored: Stored): ArrayKind => floats(stored, lanesOf(spec) === 4);
const blockOf = ({ channels }: AttentionSpec): number =>
  Math.max(1, Math.min(64, Math.floor(BLOCK_BYTES / (FLOAT * channels))));

export const keyOf = (spec: AttentionSpec, { inputs, result }: AttentionStorage): string =>
  [...Object.values(spec), ...inputs, result].join(":");

export const flopsOf = ({ images, tokens, heads, channels }: AttentionSpec, products: number): number =>
  2 * products * images * heads * tokens * tokens * channels;

export const groupsFor = ({ images, tokens, heads }: AttentionSpec) =>
  [Math.ceil(tokens / SIZE), heads, images] as const;

/** Index of the first channel of value `unit` of a token of the workgroup's image and head. */
export const placeOf = (spec: AttentionSpec, token: string, unit: string): string =>
  `((group.z * ${spec.tokens}u + ${token}) * ${spec.heads}u + group.y) * ${spec.channels}u + (${unit}) * ${lanesOf(spec)}u`;

/** Index of a number of a token of the workgroup's image and head, [N, heads, T]. */
export const numberOf = ({ tokens, heads }: AttentionSpec, token: string): string =>
  `(group.z * ${heads}u + group.y) * ${tokens}u + ${token}`;

/** Declarations of the blocks. */
export const memory = (spec: AttentionSpec): string =>
  spec.shares
    ? `
var<workgroup> first_block: array<F, ${blockOf(spec) * unitsOf(spec)}>;
var<workgroup> second_block: array<F, ${blockOf(spec) * unitsOf(spec)}>;`
    : "";

export const prologue = ({ tokens }: AttentionSpec): string => `
let own = group.x * ${SIZE}u + lane;
let is_used = own < ${tokens}u;`;

/** Statements for each value of a row; `at(name)` is a row's value there, `unit` its number. */
export function eachUnit(
  spec: AttentionSpec,
  text: (unit: string, at: (row: string) => string) => string,
): string {
  const units = unitsOf(spec);
  if (units > MOST_UNROLLED) {
    return `for (var i = 0u; i < ${units}u; i++) { ${text("i", (row) => `${row}[i]`)} }`;
  }
  return Array.from({ length: units }, (_, i) => text(`${i}u`, (row) => `${row}_${i}`)).join("\n");
}

/** A row of zeros. */
export function declareRow(spec: AttentionSpec, row: string): string {
  if (unitsOf(spec) > MOST_UNROLLED) return `var ${row}: array<F, ${unitsOf(spec)}>;`;
  return eachUnit(spec, (_, at) => `var ${at(row)} = F();`);
}

/** The invocation's own row of an operand. */
export const loadRow = (spec: AttentionSpec, row: string, source: Arg): string => `
${declareRow(spec, row)}
if (is_used) { ${eachUnit(spec, (unit, at) => `${at(row)} = ${source.load(placeOf(spec, "own", unit))};`)} }`;

/** The product of a row with another token's values. */
export const dotWith = (
  spec: AttentionSpec,
  name: string,
  row: string,
  other: (unit: string) => string,
): string => `
var ${name} = 0.0f;
${eachUnit(spec, (unit, at) =>
  lanesOf(spec) === 4
    ? `${name} += dot(${at(row)}, ${other(unit)});`
    : `${name} = fma(${at(row)}, ${other(unit)}, ${name});`,
)}`;

/** Values of another token in both operands: the expressions of their units. */
export interface Others {
  readonly first: (unit: string) => string;
  readonly second: (unit: string) => string;
}

/** A loop over all tokens: runs statements for each token `other`, whose values in two operands they may use. */
export function overTokens(
  spec: AttentionSpec,
  first: Arg,
  second: Arg,
  statements: (others: Others) => string,
): string {
  const { tokens } = spec;
  if (!spec.shares) {
    const others = {
      first: (unit: string) => first.load(placeOf(spec, "other", unit)),
      second: (unit: string) => second.load(placeOf(spec, "other", unit)),
    };
    return `if (is_used) {
for (var other = 0u; other < ${tokens}u; other++) {
${statements(others)}
}
}`;
  }
  const [block, units] = [blockOf(spec), unitsOf(spec)];
  const others = {
    first: (unit: string) => `first_block[offset + ${unit}]`,
    second: (unit: string) => `second_block[offset + ${unit}]`,
  };
  return `for (var begin = 0u; begin < ${tokens}u; begin += ${block}u) {
for (var e = lane; e < ${block * units}u; e += ${SIZE}u) {
let token = begin + e / ${units}u;
if (token < ${tokens}u) {
let place = ${placeOf(spec, "token", `e % ${units}u`)};
first_block[e] = ${first.load("place")};
second_block[e] = ${second.load("place")};
}
}
workgroupBarrier();
let many = min(${block}u, ${tokens}u - begin);
if (is_used) {
for (var j = 0u; j < many; j++) {
let other = begin + j;
let offset = j * ${units}u;
${statements(others)}
}
}
workgroupBarrier();
}`;
}

/** The running softmax: after a score, `factor` rescales what was summed and `weight` is the score's own. */
export const SOFTMAX = `
let next = max(most, score);
let factor = exp(most - next);
let weight = exp(score - next);
most = next;
total = fma(total, factor, weight);`;
