// Small kernels one after another in one workgroup: a chain of the small steps of a norm, say, costs one dispatch.

import { functionsFor } from "../wgsl/functions.ts";
import type { GpuKernel, Stage } from "./kernel.ts";

/** The family of chains. */
export const CHAIN = "chain";

const SIZE = 256;

/** Kernels that can be stages of a chain. */
export interface ChainedKernel {
  readonly kernel: GpuKernel;
  readonly stage: Stage;
  /** Whether it must wait for those before it. */
  readonly waits: boolean;
}

/** Arguments: those of each kernel in turn. */
export function chainKernel(chained: readonly ChainedKernel[]): GpuKernel {
  const kernels = chained.map(({ kernel }) => kernel);
  const total = (of: (kernel: GpuKernel) => number) => kernels.reduce((sum, kernel) => sum + of(kernel), 0);
  return {
    family: CHAIN,
    key: `chain:${chained.map(({ kernel, waits }) => `${waits}${kernel.key}`).join("\n")}`,
    arrays: chained.flatMap(({ stage }) => stage.arrays),
    workgroups: [1, 1, 1],
    flops: total(({ flops }) => flops),
    bytes: total(({ bytes }) => bytes),
    emit(args) {
      let first = 0;
      const stages = chained.map(({ stage: { arrays, results, emit }, waits }) => {
        const own = args.slice(first, first + arrays.length);
        first += arrays.length;
        return `${waits ? "storageBarrier();\n" : ""}for (var i = lane; i < ${results}u; i += ${SIZE}u) {
${emit(own)}
}`;
      });
      const body = stages.join("\n");
      return { head: functionsFor(body), size: SIZE, body };
    },
  };
}
