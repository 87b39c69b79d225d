// The interface of samplers that drive the model themselves, image by image.

import type { JsonObject } from "../../io/diffusers_json.ts";
import type { Diffusion, ImageWork } from "./diffusion.ts";

/** One accepted step of one image. Samples are variance preserving, α² + σ² = 1. */
export interface SolverStep {
  /** Start and end of the step as fractional timesteps; -1 is the image. */
  readonly timestep: number;
  /** The end of the step; -1 is the image. */
  readonly nextTimestep: number;
  /** Standard deviation of the fresh noise that the step added, including the corrector's. */
  readonly noise: number;
  /** The same for each corrector step; empty where there is none. */
  readonly correctorNoise: readonly number[];
  /** The estimated error in units of the tolerance: at most about 1. Null for methods without an estimate. */
  readonly error: number | null;
  /** Rejected attempts before this one. */
  readonly rejected: number;
  /** Progress from noise to image, above 0; 1 at the end. */
  readonly share: number;
  /** The image after the step. */
  readonly sample: Float32Array;
  /** The x_0 that the step took for the image. */
  readonly predOriginalSample: Float32Array;
}

/** What a sampler gets for drawing one image. */
export interface ImageRun {
  /** Fresh standard normal values, as many as the image has; each image has its own source. */
  randn(): Float32Array;
  /** Tells of an accepted step. */
  report(step: SolverStep): void;
}

/** A sampler that chooses step sizes and amounts of noise separately for each image. */
export interface Sampler {
  /** The short name, such as "pc". */
  readonly name: string;
  /** Every option as resolved, in camelCase. */
  readonly config: JsonObject;
  /**
   * Checks a diffusion, for samplers that do not support all.
   * @throws RangeError when it is not supported
   */
  check?(diffusion: Diffusion): void;
  /**
   * Draws one image.
   * @returns x_0; a good model's values lie in [-1, 1]
   */
  draw(diffusion: Diffusion, run: ImageRun): ImageWork<Float32Array>;
}
