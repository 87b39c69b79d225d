// The whole WGSL of a kernel, for one call or for several that run together.

import { argsOf, type CallBindings, declarations } from "./bindings.ts";
import type { GpuKernel } from "./kernels/kernel.ts";

/** For one call. */
export function shaderOf(kernel: GpuKernel, bindings: CallBindings): string {
  const { head, size, body } = kernel.emit(argsOf(bindings));
  return `${declarations(bindings)}${head}
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
${body}
}
`;
}

/**
 * For calls that run together: they follow one another along the third axis of workgroups. A table after the other
 * bindings has the places of each call's arguments.
 */
export function jointShaderOf(kernel: GpuKernel, bindings: CallBindings): string {
  const { head, size, body } = kernel.emit(argsOf(bindings));
  const depth = kernel.workgroups[2];
  const count = bindings.args.length;
  return `${declarations(bindings)}@group(0) @binding(${bindings.bindings.length}) var<storage, read> places: array<u32>;
${head}
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) joint: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
let group = vec3<u32>(joint.xy, joint.z % ${depth}u);
let call = joint.z / ${depth}u;
${bindings.args.map((_, i) => `let place${i} = places[call * ${count}u + ${i}u];`).join("\n")}
${body}
}
`;
}
