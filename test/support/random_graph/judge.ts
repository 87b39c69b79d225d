// Runs a random graph as machine code and holds it against the float64 reference, by a bound on rounding, and against
// WebAssembly, bit by bit.

import type { Backend } from "../../../src/engine/backend.ts";
import { hasRelaxedSimd } from "../../../src/engine/backends/cpu/simd/wasm.ts";
import type { RandomGraph } from "../random_graph.ts";
import { unexplained } from "./rounding.ts";

/** Without it WebAssembly multiplies and adds in two roundings, machine code in one. */
const sameArithmetic = hasRelaxedSimd();

interface Judged {
  readonly native: Backend;
  readonly wasm: Backend;
}

/** What is wrong, in words; or undefined. */
export async function faultOf(graph: RandomGraph, { native, wasm }: Judged): Promise<string | undefined> {
  // The second run sees new values of variables, and what a prelude has kept.
  const runs = graph.variables.length > 0 ? 2 : 1;
  const got = await results(graph, runs, native);
  const fault = graph.wild ? undefined : unexplained(graph, runs, got);
  if (fault !== undefined || !sameArithmetic) return fault;
  return differentBits(got, await results(graph, runs, wasm));
}

/** The outputs of each run, then the variables. */
async function results({ program, inputs, variables }: RandomGraph, runs: number, backend: Backend) {
  for (const { tensor, data } of variables) backend.write(tensor, data);
  const executable = await backend.compile(program);
  try {
    const got: Float32Array[] = [];
    for (let run = 0; run < runs; run++) got.push(...(await executable.run(inputs.map(({ data }) => data))));
    for (const { tensor } of variables) got.push(await backend.read(tensor));
    return got;
  } finally {
    executable.dispose();
  }
}

/** Of two numbers that are none, the bits may differ: WebAssembly leaves them open. */
function differentBits(native: readonly Float32Array[], wasm: readonly Float32Array[]): string | undefined {
  for (const [i, values] of native.entries()) {
    const at = values.findIndex((x, place) => !Object.is(x, wasm[i][place]));
    if (at >= 0)
      return `result ${i} is ${values[at]} at ${at} as machine code, ${wasm[i][at]} as WebAssembly`;
  }
  return undefined;
}
