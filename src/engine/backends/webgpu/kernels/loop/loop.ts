// Loop nests that store: one invocation for each element of the domain, or for each four of them.

import { collapse, type LoopArray, type LoopSpec } from "../../../../program/loop_spec.ts";
import { numel } from "../../../../shape.ts";
import { functionsFor, type Lanes } from "../../wgsl/functions.ts";
import { coordinates } from "../../wgsl/text.ts";
import { type Arg, type ArrayKind, type GpuKernel, groupIndex, groupsOf } from "../kernel.ts";
import { costOf, indexAt, kindOf } from "./arrays.ts";
import { instructionsAt } from "./instructions.ts";
import { reduceKernel } from "./reduce.ts";

/** Invocations of a workgroup. */
const SIZE = 256;

/**
 * Arguments: operands, then stores, then reductions, in the spec's order.
 * @param subgroup invocations of each of the device's subgroups, which reductions use; 0 to do without
 * @param sources the argument of each operand, where several operands are places of one; the rest follows the last
 */
export function loopKernel(
  given: LoopSpec,
  subgroup: number,
  sources: readonly number[] = given.operands.map((_, i) => i),
): GpuKernel {
  const spec = collapse(given);
  return spec.reductions.length > 0 ? reduceKernel(spec, subgroup) : storeKernel(spec, sources);
}

const walks = ({ strides }: LoopArray): boolean => strides[strides.length - 1] !== 0;

/** Whether the innermost axis can be walked in fours: all arrays have floats side by side there, or one value. */
function inFours({ domain, operands, stores }: LoopSpec): boolean {
  if (domain[domain.length - 1] % 4 !== 0) return false;
  return [...operands, ...stores].every(({ strides, offset, dtype }) => {
    const inner = strides[strides.length - 1];
    const starts = [offset, ...strides.slice(0, -1)];
    return dtype !== "i32" && (inner === 0 || (inner === 1 && starts.every((start) => start % 4 === 0)));
  });
}

function storeKernel(spec: LoopSpec, sources: readonly number[]): GpuKernel {
  const lanes: Lanes = inFours(spec) ? 4 : 1;
  const count = numel(spec.domain) / lanes;
  const workgroups = groupsOf(Math.ceil(count / SIZE));
  return {
    family: "pointwise",
    key: `loop:${JSON.stringify([spec, sources])}`,
    arrays: kindsOf(spec, sources, lanes),
    workgroups,
    ...costOf(spec),
    emit(args) {
      const body = `
let i = ${groupIndex(workgroups)} * ${SIZE}u + lane;
if (i >= ${count}u) { return; }
${elementAt(spec, sources, lanes, args)}`;
      return { head: functionsFor(body, lanes), size: SIZE, body };
    },
    stage: {
      arrays: kindsOf(spec, sources, 1),
      results: numel(spec.domain),
      emit: (args) => elementAt(spec, sources, 1, args),
    },
  };
}

/** Kinds of the arguments: what is read, then the stores. */
function kindsOf({ operands, stores }: LoopSpec, sources: readonly number[], lanes: Lanes): ArrayKind[] {
  const kind = (array: LoopArray): ArrayKind => kindOf(array, lanes === 4 && walks(array));
  const read = Array.from({ length: readCount(sources) }, (_, i) => kind(operands[sources.indexOf(i)]));
  return [...read, ...stores.map(kind)];
}

/** Arguments that are read. */
const readCount = (sources: readonly number[]): number => Math.max(-1, ...sources) + 1;

/** Statements that compute and store element `i`, or four elements. */
function elementAt(
  { domain, operands, instructions, stores }: LoopSpec,
  sources: readonly number[],
  lanes: Lanes,
  args: readonly Arg[],
): string {
  const sizes = domain.map((size, axis) => (axis === domain.length - 1 ? size / lanes : size));
  const { names, code } = coordinates("c", "i", sizes);
  const inner = names[names.length - 1];
  const scaled = lanes === 1 || inner === "0u" ? names : [...names.slice(0, -1), `${inner} * ${lanes}u`];
  const load = (operand: number) => {
    const array = operands[operand];
    const value = args[sources[operand]].load(indexAt(array, scaled));
    return lanes === 4 && !walks(array) ? `F(${value})` : value;
  };
  const writes = stores.map((store, j) =>
    args[readCount(sources) + j].store(indexAt(store, scaled), `v${store.value}`),
  );
  return `${code}
${instructionsAt(instructions, load)}
${writes.join("\n")}`;
}
