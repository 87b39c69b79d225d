// Which of the T training timesteps a sampler visits (Lin et al. 2023, table 2).
//
// Values are rounded half to even, and sequences are computed in numpy's order of operations, so that ties round as in
// numpy.

/** The names of the spacings. */
export const timestepSpacings = ["leading", "trailing", "linspace"] as const;
/** Which of the T training timesteps a sampler visits (Lin et al. 2023, table 2). @useDeclaredType */
export type TimestepSpacing = (typeof timestepSpacings)[number];

/**
 * `steps` timesteps out of 0 .. T-1, descending.
 * - leading: 0, r, 2r, ... with r = floor(T / steps), plus `stepsOffset`; never starts at T-1
 * - trailing: T-1, T-1 - T/steps, ..., rounded; always starts at T-1, never ends at 0 unless steps = T
 * - linspace: from T-1 to 0, both included
 * @param stepsOffset applies to leading only
 */
export function spacedTimesteps(
  spacing: TimestepSpacing,
  steps: number,
  numTrainTimesteps: number,
  stepsOffset: number,
): number[] {
  switch (spacing) {
    case "leading": {
      const ratio = Math.floor(numTrainTimesteps / steps);
      return Array.from({ length: steps }, (_, i) => (steps - 1 - i) * ratio + stepsOffset);
    }
    case "trailing": {
      const second = numTrainTimesteps - numTrainTimesteps / steps;
      const delta = second - numTrainTimesteps;
      return Array.from({ length: steps }, (_, i) => roundHalfToEven(numTrainTimesteps + i * delta) - 1);
    }
    case "linspace": {
      const last = numTrainTimesteps - 1;
      const step = last / (steps - 1);
      const rising = Array.from({ length: steps }, (_, i) => (i === 0 ? 0 : roundHalfToEven(i * step)));
      if (steps > 1) rising[steps - 1] = last;
      return rising.reverse();
    }
    default:
      throw new RangeError(`timestep spacing ${String(spacing satisfies never)} is unknown`);
  }
}

/** The nearest whole number; ties go to the even one. */
export function roundHalfToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * `steps` timesteps, descending, for solvers over sigmas such as Euler, as in diffusers: like `spacedTimesteps`, but
 * linspace ones are not rounded.
 */
export function fractionalTimesteps(
  spacing: TimestepSpacing,
  steps: number,
  numTrainTimesteps: number,
  stepsOffset: number,
): number[] {
  if (spacing !== "linspace") return spacedTimesteps(spacing, steps, numTrainTimesteps, stepsOffset);
  const last = numTrainTimesteps - 1;
  if (steps === 1) return [0];
  return Array.from({ length: steps }, (_, i) =>
    i === 0 ? last : Math.fround((steps - 1 - i) * (last / (steps - 1))),
  );
}

/**
 * `steps` timesteps, descending, for multistep solvers: one interval short of the end, which the last step reaches.
 * @param end only timesteps 0 .. end-1 of the numTrainTimesteps are used
 */
export function solverTimesteps(
  spacing: TimestepSpacing,
  steps: number,
  end: number,
  numTrainTimesteps: number,
  stepsOffset: number,
): number[] {
  switch (spacing) {
    case "linspace": {
      const step = (end - 1) / steps;
      return Array.from({ length: steps }, (_, i) =>
        i === 0 ? end - 1 : roundHalfToEven((steps - i) * step),
      );
    }
    case "leading": {
      const ratio = Math.floor(end / (steps + 1));
      return Array.from({ length: steps }, (_, i) => (steps - i) * ratio + stepsOffset);
    }
    case "trailing": {
      const ratio = numTrainTimesteps / steps;
      const count = end === numTrainTimesteps ? steps : Math.ceil(end / ratio);
      return Array.from({ length: count }, (_, i) => roundHalfToEven(end - i * ratio) - 1);
    }
    default:
      throw new RangeError(`timestep spacing ${String(spacing satisfies never)} is unknown`);
  }
}
