// The whole WGSL of a kernel, for one call or for several that run together.

import { argsOf, type CallBindings, declarations } from "./bindings.ts";
import type { GpuKernel } from "./kernels/kernel.ts";
import { halvesFor } from "./wgsl/halves.ts";

/**
 * Calls that run together follow one another along the third axis of workgroups; a table after the other bindings has the
 * places of each call's arguments.
 */
export function shaderOf(kernel: GpuKernel, bindings: CallBindings): string {
  const { head, size, subgroup, body } = kernel.emit(argsOf(bindings));
  const { args, hasTable } = bindings;
  const depth = kernel.workgroups[2];
  const table = `@group(0) @binding(${bindings.bindings.length}) var<storage, read> places: array<u32>;\n`;
  const ofCall = `let group = vec3<u32>(workgroup.xy, workgroup.z % ${depth}u);
let call = workgroup.z / ${depth}u;
${args.map((_, i) => `let place${i} = places[call * ${args.length}u + ${i}u];`).join("\n")}`;
  const { enabled, parameters, statements } = lanesOf(subgroup);
  return `${enabled}${declarations(bindings)}${hasTable ? table : ""}${halvesFor(head + body)}${head}
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, ${parameters}) {${statements}
${hasTable ? ofCall : "let group = workgroup;"}
${body}
}
`;
}

/** WGSL that numbers the invocations of a workgroup: `lane`. */
function lanesOf(subgroup: number | undefined) {
  if (subgroup === undefined) {
    return { enabled: "", parameters: "@builtin(local_invocation_index) lane: u32", statements: "" };
  }
  // Which invocations are a subgroup is the driver's choice: their index in the workgroup does not tell.
  return {
    enabled: "enable subgroups;\nrequires subgroup_id;\n",
    parameters: "@builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) member: u32",
    statements: `\nlet lane = subgroup * ${subgroup}u + member;`,
  };
}
