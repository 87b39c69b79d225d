// What a GPU needs at least for dispatches: sums by family of kernels, against the limits of a machine.

import type { CountedDispatch } from "./dispatches.ts";

/** The limits of a GPU. */
export interface Limits {
  readonly name: string;
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Seconds that a dispatch takes, however little it does. */
  readonly dispatchSeconds: number;
}

export type Bound = "arithmetic" | "memory" | "dispatches";

/** What all dispatches of a family do. */
export interface FamilyBudget {
  readonly family: string;
  readonly dispatches: number;
  readonly flops: number;
  readonly bytes: number;
  /** For each machine: least seconds, and what most of them are spent on. */
  readonly least: readonly { readonly seconds: number; readonly bound: Bound }[];
}

/** A dispatch takes at least as long as its arithmetic, its memory, or itself, whichever is longest. */
export function leastOf({ flops, bytes }: CountedDispatch, limits: Limits): [seconds: number, bound: Bound] {
  const times: [number, Bound][] = [
    [flops / limits.flopsPerSecond, "arithmetic"],
    [bytes / limits.bytesPerSecond, "memory"],
    [limits.dispatchSeconds, "dispatches"],
  ];
  return times.reduce((longest, time) => (time[0] > longest[0] ? time : longest));
}

/** By family, the one that takes the first machine longest first. */
export function budgetsOf(
  dispatches: readonly CountedDispatch[],
  machines: readonly Limits[],
): FamilyBudget[] {
  const families = [...new Set(dispatches.map(({ family }) => family))];
  return families
    .map((family) =>
      budgetOf(
        family,
        dispatches.filter((one) => one.family === family),
        machines,
      ),
    )
    .toSorted((a, b) => b.least[0].seconds - a.least[0].seconds);
}

export function budgetOf(
  family: string,
  dispatches: readonly CountedDispatch[],
  machines: readonly Limits[],
): FamilyBudget {
  const total = (of: (dispatch: CountedDispatch) => number) =>
    dispatches.reduce((sum, dispatch) => sum + of(dispatch), 0);
  const least = machines.map((limits) => {
    const seconds: Record<Bound, number> = { arithmetic: 0, memory: 0, dispatches: 0 };
    for (const dispatch of dispatches) {
      const [time, bound] = leastOf(dispatch, limits);
      seconds[bound] += time;
    }
    const bounds: Bound[] = ["arithmetic", "memory", "dispatches"];
    const bound = bounds.reduce((most, one) => (seconds[one] > seconds[most] ? one : most));
    return { seconds: seconds.arithmetic + seconds.memory + seconds.dispatches, bound };
  });
  return {
    family,
    dispatches: dispatches.length,
    flops: total((one) => one.flops),
    bytes: total((one) => one.bytes),
    least,
  };
}
