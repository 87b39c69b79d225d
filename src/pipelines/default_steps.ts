// Default numbers of denoising steps.

/** DDPM walks all timesteps; RePaint goes back and forth over its own; the others are made for few. */
const DEFAULT_STEPS: ReadonlyMap<string, number> = new Map([
  ["ddpm", 1000],
  ["repaint", 250],
]);
const FEW_STEPS = 50;

/**
 * The default number of steps.
 * @param scheduler its short name, or "repaint"
 * @param numTrainTimesteps upper limit for any scheduler
 */
export const defaultSteps = (scheduler: string, numTrainTimesteps: number): number =>
  Math.min(DEFAULT_STEPS.get(scheduler) ?? FEW_STEPS, numTrainTimesteps);
