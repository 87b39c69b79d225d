// Finds chains: groups of small calls that follow one another become one call.

import type { KernelCall } from "../../program/program.ts";
import { canBindTogether, type Region } from "./bindings.ts";
import { type ChainedKernel, chainKernel } from "./kernels/chain.ts";
import type { GpuKernel } from "./kernels/kernel.ts";

/** A call, with the places of its arguments. */
export interface PlacedCall extends Pick<KernelCall<GpuKernel>, "kernel" | "label"> {
  readonly regions: readonly Region[];
}

/** Most calls of a group, and most results of a call, that are worth less than a dispatch of their own. */
const MOST_CALLS = 4;
const MOST_RESULTS = 4096;
/** Most stages of a chain. */
const MOST_STAGES = 32;

/**
 * Groups of calls in which several small groups in a row are one call.
 * @param mostBuffers that a kernel can bind
 */
export function withChains(groups: readonly (readonly PlacedCall[])[], mostBuffers: number): PlacedCall[][] {
  const result: PlacedCall[][] = [];
  let open: (readonly PlacedCall[])[] = [];
  const close = (): void => {
    if (open.length > 1) result.push([chainOf(open)]);
    else result.push(...open.map((group) => [...group]));
    open = [];
  };
  for (const group of groups) {
    if (!isSmall(group)) {
      close();
      result.push([...group]);
      continue;
    }
    if (!canChain([...open, group], mostBuffers)) close();
    if (canChain([group], mostBuffers)) open.push(group);
    else result.push([...group]);
  }
  close();
  return result;
}

const isSmall = (group: readonly PlacedCall[]): boolean =>
  group.length <= MOST_CALLS &&
  group.every(
    ({ kernel }) => kernel.stage !== undefined && kernel.stage.results * group.length <= MOST_RESULTS,
  );

function canChain(groups: readonly (readonly PlacedCall[])[], mostBuffers: number): boolean {
  const calls = groups.flat();
  const regions = calls.flatMap((call) => call.regions);
  const kinds = calls.flatMap(({ kernel }) => kernel.stage?.arrays ?? []);
  return calls.length <= MOST_STAGES && canBindTogether(regions, kinds, mostBuffers);
}

function chainOf(groups: readonly (readonly PlacedCall[])[]): PlacedCall {
  const calls = groups.flat();
  const chained = groups.flatMap((group, g) =>
    group.flatMap(({ kernel }, i): ChainedKernel[] =>
      kernel.stage === undefined ? [] : [{ kernel, stage: kernel.stage, waits: g > 0 && i === 0 }],
    ),
  );
  return {
    kernel: chainKernel(chained),
    label: `${calls[0].label} to ${calls[calls.length - 1].label}`,
    regions: calls.flatMap(({ regions }) => regions),
  };
}
