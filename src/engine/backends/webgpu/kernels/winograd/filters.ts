// Between filters of 3 x 3 taps and the places of transformed ones, which are [place, channel, result channel].

import {
  FILTER_SIDE,
  filterGradientTransform,
  filterTransform,
  PATCH_SIDE,
  PLACES,
} from "../../../winograd/transforms.ts";
import { floats, type GpuKernel, groupIndex, groupsOf, type Stored } from "../kernel.ts";
import { transformed } from "./transform.ts";

const SIZE = 64;
const FLOAT = 4;
const TAPS = FILTER_SIDE * FILTER_SIDE;

/** Filters [3, 3, ci, co]. */
export interface Filters {
  readonly family: string;
  readonly ci: number;
  readonly co: number;
  readonly stored: Stored;
}

/** What both kernels have in common. */
function common({ family, ci, co, stored }: Filters, name: string) {
  const count = ci * co;
  const workgroups = groupsOf(Math.ceil(count / SIZE));
  return {
    family,
    key: `${name}:${ci}x${co}:${stored}`,
    workgroups,
    flops: 0,
    bytes: FLOAT * (TAPS + PLACES) * count,
    start: `let i = ${groupIndex(workgroups)} * ${SIZE}u + lane;
if (i >= ${count}u) { return; }`,
  };
}

/**
 * Arguments: filters, places.
 * @param isTurned for the gradient of the input: [place, co, ci], the taps from last to first
 */
export function filterKernel(filters: Filters, isTurned: boolean): GpuKernel {
  const { ci, co, stored } = filters;
  const { start, ...kernel } = common(filters, `winograd_filters${isTurned ? "_turned" : ""}`);
  const last = FILTER_SIDE - 1;
  const tap = (y: number, x: number): string =>
    isTurned
      ? `(${((last - y) * FILTER_SIDE + (last - x)) * ci}u + i % ${ci}u) * ${co}u + i / ${ci}u`
      : `${(y * FILTER_SIDE + x) * ci * co}u + i`;
  return {
    ...kernel,
    arrays: [floats(stored, false), "f32"],
    emit: ([taps, places]) => ({
      head: "",
      size: SIZE,
      body: `${start}
${transformed(
  filterTransform,
  FILTER_SIDE,
  (y, x) => taps.load(tap(y, x)),
  (y, x, result) => places.store(`${(y * PATCH_SIDE + x) * ci * co}u + i`, result),
)}`,
    }),
  };
}

/** Arguments: places, filters. */
export function filterGradientKernel(filters: Filters): GpuKernel {
  const { ci, co, stored } = filters;
  const { start, ...kernel } = common(filters, "winograd_filter_gradients");
  return {
    ...kernel,
    arrays: ["f32", floats(stored, false)],
    emit: ([places, taps]) => ({
      head: "",
      size: SIZE,
      body: `${start}
${transformed(
  filterGradientTransform,
  PATCH_SIDE,
  (y, x) => places.load(`${(y * PATCH_SIDE + x) * ci * co}u + i`),
  (y, x, result) => taps.store(`${(y * FILTER_SIDE + x) * ci * co}u + i`, result),
)}`,
    }),
  };
}
