// What every sampler offers that drives the model itself, image by image.

import type { JsonObject } from "../../io/diffusers_json.ts";
import type { Diffusion, ImageWork } from "./diffusion.ts";

/** One step of one image, as it has been accepted. Samples are variance preserving, α² + σ² = 1. */
export interface SolverStep {
  /** Where the step began and ended, fractional, on the model's axis of time; -1 is the image. */
  readonly timestep: number;
  readonly nextTimestep: number;
  /** Standard deviation of the fresh noise that the step added, that of the corrector included. */
  readonly noise: number;
  /** The same of each corrector step; empty where there is none. */
  readonly correctorNoise: readonly number[];
  /** The estimated error in units of the tolerance: about 1 at most. Null where the method estimates none. */
  readonly error: number | null;
  /** Attempts that were refused before this one. */
  readonly rejected: number;
  /** How much of the way from noise to image is done, above 0; 1 at the end. */
  readonly share: number;
  readonly sample: Float32Array;
  readonly predOriginalSample: Float32Array;
}

/** What a sampler has of the world while it draws one image. */
export interface ImageRun {
  /** Fresh standard normal values of the image's size, from a source of its own. */
  randn(): Float32Array;
  report(step: SolverStep): void;
}

/** A way from noise to an image that decides for each image how far to step and how much noise to add. */
export interface Sampler {
  /** The short name that people type. */
  readonly name: string;
  /** Every option as resolved, in camelCase. */
  readonly config: JsonObject;
  /** Where not every diffusion will do. @throws RangeError when this one will not */
  check?(diffusion: Diffusion): void;
  /**
   * Draws one image.
   * @returns x_0; a good model's values lie in [-1, 1]
   */
  draw(diffusion: Diffusion, run: ImageRun): ImageWork<Float32Array>;
}
