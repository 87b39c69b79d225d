// Loop nests that reduce. A workgroup has some invocations for each of its results: each joins every so many elements,
// and then they join their values in a fixed order, so that a result has the same bits each time.

import type { ReduceFn } from "../../../../graph.ts";
import type { LoopSpec } from "../../../../program/loop_spec.ts";
import { numel } from "../../../../shape.ts";
import { functionsFor } from "../../wgsl/functions.ts";
import { coordinates, float } from "../../wgsl/text.ts";
import { type Arg, type ArrayKind, type GpuKernel, groupIndex, groupsOf } from "../kernel.ts";
import { costOf, indexAt, kindOf } from "./arrays.ts";
import { instructionsAt } from "./instructions.ts";
import { joinBySubgroups, joinInTree, joinOf } from "./joins.ts";

/** Invocations of a workgroup. */
const SIZE = 256;
/** Results side by side that a workgroup reads at once, at least. */
const NEIGHBOURS = 32;

/** Elements that an invocation joins in a row before it adds them to its total: short sums lose less. */
const RUN = 16;

const START: Readonly<Record<ReduceFn, number>> = { sum: 0, max: -3.4028234663852886e38 };

/** Longest sums that one invocation computes. */
const SHORT = 32;

/** The largest power of two that is at most `most`, up to 2^30. */
const powerOfTwoUpTo = (most: number): number => 1 << (31 - Math.clz32(Math.max(1, most)));

/** A spec's axes: those of its results and those that are joined. */
interface Axes {
  readonly results: number;
  readonly length: number;
  /** Coordinates of a result and of an element of it, by their numbers, and the statements that define them. */
  readonly kept: (index: string) => string;
  readonly summed: (index: string) => string;
  readonly names: readonly string[];
}

function axesOf({ domain, reduced }: LoopSpec): Axes {
  const axes = domain.map((_, axis) => axis);
  const [keptAxes, reducedAxes] = [axes.filter((a) => !reduced[a]), axes.filter((a) => reduced[a])];
  const [keptSizes, reducedSizes] = [keptAxes, reducedAxes].map((of) => of.map((axis) => domain[axis]));
  const kept = (index: string) => coordinates("k", index, keptSizes);
  const summed = (index: string) => coordinates("r", index, reducedSizes);
  return {
    results: numel(keptSizes),
    length: numel(reducedSizes),
    kept: (index) => kept(index).code,
    summed: (index) => summed(index).code,
    names: axes.map((axis) =>
      reduced[axis] ? summed("").names[reducedAxes.indexOf(axis)] : kept("").names[keptAxes.indexOf(axis)],
    ),
  };
}

/** Text for each reduction. */
const forEach = ({ reductions }: LoopSpec, of: (fn: ReduceFn, j: number) => string): string =>
  reductions.map(({ fn }, j) => of(fn, j)).join("\n");

/** Statements that join every `along`-th element from `first` on into `total<j>`. */
function joined(
  spec: LoopSpec,
  { length, summed, names }: Axes,
  args: readonly Arg[],
  first: string,
  along: number,
): string {
  const { operands, reductions } = spec;
  const load = (operand: number) => args[operand].load(indexAt(operands[operand], names));
  return `var part = ${first};
while (part < ${length}u) {
${forEach(spec, (fn, j) => `var run${j} = ${float(START[fn])};`)}
let end = min(part + ${along * RUN}u, ${length}u);
for (; part < end; part += ${along}u) {
${summed("part")}
${instructionsAt(spec.instructions, load)}
${forEach(spec, (fn, j) => `run${j} = ${joinOf(fn, `run${j}`, `v${reductions[j].value}`)};`)}
}
${forEach(spec, (fn, j) => `total${j} = ${joinOf(fn, `total${j}`, `run${j}`)};`)}
}`;
}

const totals = (spec: LoopSpec): string => forEach(spec, (fn, j) => `var total${j} = ${float(START[fn])};`);

/** Statements that store the results, by their expressions. */
const stored = (
  spec: LoopSpec,
  { names }: Axes,
  args: readonly Arg[],
  value: (j: number) => string,
): string =>
  forEach(spec, (_, j) => args[spec.operands.length + j].store(indexAt(spec.reductions[j], names), value(j)));

const arraysOf = ({ operands, reductions }: LoopSpec): ArrayKind[] =>
  [...operands, ...reductions].map((array) => kindOf(array));

/**
 * @param spec collapsed, with reductions
 * @param subgroup invocations of each of the device's subgroups, 0 to do without
 */
export function reduceKernel(spec: LoopSpec, subgroup: number): GpuKernel {
  const axes = axesOf(spec);
  const common = {
    family: "reduce",
    key: `reduce:${subgroup}:${JSON.stringify(spec)}`,
    arrays: arraysOf(spec),
    ...costOf(spec),
  };
  return axes.length <= SHORT
    ? { ...common, ...shortKernel(spec, axes) }
    : { ...common, ...longKernel(spec, axes, subgroup) };
}

type Way = Pick<GpuKernel, "workgroups" | "emit" | "stage">;

/** An invocation computes a result. */
function shortKernel(spec: LoopSpec, axes: Axes): Way {
  const { results } = axes;
  const workgroups = groupsOf(Math.ceil(results / SIZE));
  const result = (args: readonly Arg[]) => `${axes.kept("i")}
${totals(spec)}
${joined(spec, axes, args, "0u", 1)}
${stored(spec, axes, args, (j) => `total${j}`)}`;
  return {
    workgroups,
    emit(args) {
      const body = `
let i = ${groupIndex(workgroups)} * ${SIZE}u + lane;
if (i >= ${results}u) { return; }
${result(args)}`;
      return { head: functionsFor(body), size: SIZE, body };
    },
    stage: { arrays: arraysOf(spec), results, emit: result },
  };
}

/** Some invocations join a result. */
function longKernel(spec: LoopSpec, axes: Axes, subgroup: number): Way {
  const { results, length } = axes;
  // Neighbouring invocations read neighbouring elements: of one result where the innermost axis is reduced. How many join
  // a result depends on its length only, and so do its bits.
  const isInner = spec.reduced[spec.domain.length - 1];
  const along = Math.min(isInner ? SIZE : SIZE / NEIGHBOURS, powerOfTwoUpTo(length));
  const across = SIZE / along;
  const workgroups = groupsOf(Math.ceil(results / across));
  const fns = spec.reductions.map(({ fn }) => fn);
  const placement = { size: SIZE, along, across };
  // Where neighbouring invocations have elements of several results, hardly any two of a subgroup have the same one.
  const usesSubgroups = isInner && subgroup > 0;
  const join = usesSubgroups ? joinBySubgroups(fns, placement, subgroup) : joinInTree(fns, placement);
  return {
    workgroups,
    emit(args) {
      const body = `
let at = ${isInner ? `lane / ${along}u` : `lane % ${across}u`};
let first = ${isInner ? `lane % ${along}u` : `lane / ${across}u`};
let begin = ${groupIndex(workgroups)} * ${across}u;
let result = begin + at;
${totals(spec)}
if (result < ${results}u) {
${axes.kept("result")}
${joined(spec, axes, args, "first", along)}
}
${join.code}
let own = begin + ${join.at};
if (${join.has} && own < ${results}u) {
${axes.kept("own")}
${stored(spec, axes, args, join.value)}
}`;
      const shader = { head: `${join.memory}\n${functionsFor(body)}`, size: SIZE, body };
      return usesSubgroups ? { ...shader, subgroup } : shader;
    },
  };
}
