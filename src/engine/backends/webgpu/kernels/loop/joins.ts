// How invocations of a workgroup join their values of some reductions, `total0`, `total1`, ..., always in the same order:
// in a tree through workgroup memory, or by subgroups, whose invocations read one another's registers.

import type { ReduceFn } from "../../../../graph.ts";

/** Which invocations have values of one result. */
export interface Placement {
  /** Invocations of a workgroup, those that join one result, and the results of a workgroup: powers of two. */
  readonly size: number;
  readonly along: number;
  readonly across: number;
}

/** A join in WGSL. */
export interface Join {
  /** Declarations of workgroup memory. */
  readonly memory: string;
  /** Statements that all invocations run. */
  readonly code: string;
  /** Whether the invocation has a result after them, and which of the workgroup's. */
  readonly has: string;
  readonly at: string;
  readonly value: (j: number) => string;
}

export const joinOf = (fn: ReduceFn, a: string, b: string): string =>
  fn === "sum" ? `${a} + ${b}` : `max(${a}, ${b})`;

/** Text for each reduction. */
const forEach = (fns: readonly ReduceFn[], of: (fn: ReduceFn, j: number) => string): string =>
  fns.map(of).join("\n");

const memoryOf = (fns: readonly ReduceFn[], values: number): string =>
  forEach(fns, (_, j) => `var<workgroup> shared${j}: array<f32, ${values}>;`);

/** The invocation that is `first` among those of result `at` gets the result. */
export function joinInTree(fns: readonly ReduceFn[], { size, along, across }: Placement): Join {
  const place = (j: number, from: string) => `shared${j}[${from} * ${across}u + at]`;
  return {
    memory: memoryOf(fns, size),
    code: `${forEach(fns, (_, j) => `${place(j, "first")} = total${j};`)}
for (var half = ${along / 2}u; half > 0u; half = half / 2u) {
workgroupBarrier();
if (first < half) {
${forEach(fns, (fn, j) => `${place(j, "first")} = ${joinOf(fn, place(j, "first"), place(j, "(first + half)"))};`)}
}
}`,
    has: "first == 0u",
    at: "at",
    value: (j) => `shared${j}[at]`,
  };
}

/**
 * Subgroups join their values; the first invocations of the workgroup take these, and so on.
 * @param placement the invocations of a result follow one another
 * @param subgroup invocations of each subgroup, a power of two; `lane` counts them subgroup by subgroup
 */
export function joinBySubgroups(
  fns: readonly ReduceFn[],
  { along, across }: Placement,
  subgroup: number,
): Join {
  let width = Math.min(subgroup, along);
  let code = withinSubgroups(fns, width);
  let values = 0;
  // Each round has memory of its own, so that no invocation waits for those that still read the last one's.
  for (let left = along / width; left > 1; left /= width) {
    const [begin, count] = [values, across * left];
    values += count;
    code += `
if (lane % ${width}u == 0u && lane / ${width}u < ${count}u) {
${forEach(fns, (_, j) => `shared${j}[${begin}u + lane / ${width}u] = total${j};`)}
}
workgroupBarrier();
if (lane < ${count}u) {
${forEach(fns, (_, j) => `total${j} = shared${j}[${begin}u + lane];`)}
}`;
    width = Math.min(subgroup, left);
    code += `\n${withinSubgroups(fns, width)}`;
  }
  return {
    memory: values === 0 ? "" : memoryOf(fns, values),
    code,
    has: `lane % ${width}u == 0u && lane / ${width}u < ${across}u`,
    at: `lane / ${width}u`,
    value: (j) => `total${j}`,
  };
}

/**
 * Statements by which every `width` invocations in a row get what they have together. WGSL's own sums of subgroups would
 * leave the order to the driver.
 */
function withinSubgroups(fns: readonly ReduceFn[], width: number): string {
  const steps: string[] = [];
  for (let step = 1; step < width; step *= 2) {
    const other = (j: number) => `subgroupShuffleXor(total${j}, ${step}u)`;
    steps.push(forEach(fns, (fn, j) => `total${j} = ${joinOf(fn, `total${j}`, other(j))};`));
  }
  return steps.join("\n");
}
