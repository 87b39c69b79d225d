// Kernels that show what a device can do at best, the yardsticks of every benchmark: multiply-adds in registers, and
// reading and writing an array larger than the caches.

import { type GpuKernel, groupIndex, groupsOf } from "./kernel.ts";

const SIZE = 256;
/** As many chains as hide the latency of a multiply-add. */
const CHAINS = 8;
const ROUNDS = 512;
const LANES = 4;

/** Multiply-adds only. Its array receives a number of each invocation, so that no compiler can drop the work. */
export function peakKernel(count: number): GpuKernel {
  const workgroups = groupsOf(count);
  const chains = Array.from({ length: CHAINS }, (_, i) => `x${i}`);
  return {
    family: "peak",
    key: "peak",
    arrays: ["f32"],
    workgroups,
    flops: 2 * count * SIZE * ROUNDS * CHAINS * LANES,
    bytes: 0,
    emit: ([out]) => ({
      head: "",
      size: SIZE,
      body: `let factor = vec4<f32>(0.999f);
${chains.map((x, i) => `var ${x} = vec4<f32>(f32(lane + ${i}u));`).join("\n")}
for (var round = 0u; round < ${ROUNDS}u; round++) {
${chains.map((x) => `${x} = fma(${x}, factor, factor);`).join("\n")}
}
${out.store("lane", `dot(${chains.join(" + ")}, factor)`)}`,
    }),
  };
}

/** Elements of the peak's array. */
export const PEAK_ELEMENTS = SIZE;

/** Turns the sign of every number of an array in place. @param elements a multiple of 4 */
export function bandwidthKernel(elements: number): GpuKernel {
  const fours = elements / 4;
  const workgroups = groupsOf(Math.ceil(fours / SIZE));
  return {
    family: "bandwidth",
    key: `bandwidth:${elements}`,
    arrays: ["f32x4"],
    workgroups,
    flops: 0,
    bytes: 2 * 4 * elements,
    emit: ([array]) => ({
      head: "",
      size: SIZE,
      body: `let i = ${groupIndex(workgroups)} * ${SIZE}u + lane;
if (i >= ${fours}u) { return; }
${array.store("i * 4u", `-${array.load("i * 4u")}`)}`,
    }),
  };
}
