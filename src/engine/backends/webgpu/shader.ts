// The whole WGSL of a kernel, for one call or for several that run together.

import { argsOf, type CallBindings, declarations } from "./bindings.ts";
import type { GpuKernel } from "./kernels/kernel.ts";
import { halvesFor } from "./wgsl/halves.ts";

/**
 * Calls that run together follow one another along the third axis of workgroups; a table after the other bindings has the
 * places of each call's arguments.
 */
export function shaderOf(kernel: GpuKernel, bindings: CallBindings): string {
  const { head, size, body } = kernel.emit(argsOf(bindings));
  const { args, hasTable } = bindings;
  const depth = kernel.workgroups[2];
  const table = `@group(0) @binding(${bindings.bindings.length}) var<storage, read> places: array<u32>;\n`;
  const ofCall = `let group = vec3<u32>(workgroup.xy, workgroup.z % ${depth}u);
let call = workgroup.z / ${depth}u;
${args.map((_, i) => `let place${i} = places[call * ${args.length}u + ${i}u];`).join("\n")}`;
  return `${declarations(bindings)}${hasTable ? table : ""}${halvesFor(head + body)}${head}
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
${hasTable ? ofCall : "let group = workgroup;"}
${body}
}
`;
}
