// Rows of a table by index, and the sum of rows back into a table. Indices outside the table take the nearest row.

import { type GpuKernel, groupIndex, groupsOf, type Lowered } from "./kernel.ts";

export interface GatherSpec {
  /** The table is [rows, width]; there are `count` indices. */
  readonly rows: number;
  readonly width: number;
  readonly count: number;
}

const SIZE = 256;
const FLOAT = 4;

/** out[i, :] = table[index[i], :]. Inputs: table, index (i32). */
export function lowerGather({ rows, width, count }: GatherSpec): Lowered {
  const elements = count * width;
  const workgroups = groupsOf(Math.ceil(elements / SIZE));
  const kernel: GpuKernel = {
    family: "gather",
    key: `gather:${rows}x${width}:${count}`,
    arrays: ["f32", "i32", "f32"],
    workgroups,
    flops: 0,
    bytes: FLOAT * count * (2 * width + 1),
    emit: ([table, index, result]) => ({
      head: "",
      size: SIZE,
      body: `let i = ${groupIndex(workgroups)} * ${SIZE}u + lane;
if (i >= ${elements}u) { return; }
let row = u32(clamp(${index.load(`i / ${width}u`)}, 0, ${rows - 1}));
${result.store("i", table.load(`row * ${width}u + i % ${width}u`))}`,
    }),
  };
  return { temps: [], steps: [{ kernel, args: [{ input: 0 }, { input: 1 }, { output: 0 }] }] };
}

/** table[v, :] = sum of source[i, :] over index[i] = v, in order of i. Inputs: source, index (i32). */
export function lowerScatterAdd({ rows, width, count }: GatherSpec): Lowered {
  const elements = rows * width;
  const workgroups = groupsOf(Math.ceil(elements / SIZE));
  const kernel: GpuKernel = {
    family: "scatter_add",
    key: `scatter_add:${rows}x${width}:${count}`,
    arrays: ["f32", "i32", "f32"],
    workgroups,
    flops: count * width,
    bytes: FLOAT * (count * (width + 1) + elements),
    emit: ([source, index, table]) => ({
      head: "",
      size: SIZE,
      body: `let at = ${groupIndex(workgroups)} * ${SIZE}u + lane;
if (at >= ${elements}u) { return; }
let row = i32(at / ${width}u);
let column = at % ${width}u;
var total = 0.0f;
for (var i = 0u; i < ${count}u; i++) {
if (clamp(${index.load("i")}, 0, ${rows - 1}) == row) { total += ${source.load(`i * ${width}u + column`)}; }
}
${table.store("at", "total")}`,
    }),
  };
  return { temps: [], steps: [{ kernel, args: [{ input: 0 }, { input: 1 }, { output: 0 }] }] };
}
