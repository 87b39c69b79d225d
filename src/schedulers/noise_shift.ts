// Noise schedules for images of more pixels: the same schedule with a lower signal-to-noise ratio.

import { DDPMScheduler } from "./ddpm.ts";
import { FlowMatchEulerDiscreteScheduler } from "./flow_match_euler_discrete.ts";
import { shiftBetas } from "./math/betas.ts";

/** A scheduler that training uses: of diffusion, or of flow matching. */
export type Shiftable = DDPMScheduler | FlowMatchEulerDiscreteScheduler;

/**
 * A scheduler whose signal-to-noise ratio is divided by shift². Diffusion: the betas become `trainedBetas`, which
 * diffusers reads. A flow: its shift is multiplied.
 * @param shift 1 for no change; for images of S x S pixels S / 32 is usual (Hoogeboom et al. 2023, arXiv 2301.11093)
 * @throws RangeError unless the shift is a number above 0
 */
export function shiftNoise(scheduler: DDPMScheduler, shift: number): DDPMScheduler;
export function shiftNoise(
  scheduler: FlowMatchEulerDiscreteScheduler,
  shift: number,
): FlowMatchEulerDiscreteScheduler;
export function shiftNoise(scheduler: Shiftable, shift: number): Shiftable;
export function shiftNoise(scheduler: Shiftable, shift: number): Shiftable {
  if (!(shift > 0 && shift < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`the noise shift is ${shift}; expected a number above 0`);
  }
  if (shift === 1) return scheduler;
  if (scheduler instanceof FlowMatchEulerDiscreteScheduler) {
    return new FlowMatchEulerDiscreteScheduler({
      ...scheduler.config,
      shift: scheduler.config.shift * shift,
    });
  }
  const trainedBetas = Array.from(shiftBetas(scheduler.betas, shift));
  return new DDPMScheduler({ ...scheduler.config, trainedBetas });
}
