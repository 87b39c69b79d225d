// What imago sample needs to draw: a plan, made of the options and the model before any computation.

import type { Communicator } from "../../distributed/communicator.ts";
import type { HostTensor } from "../../engine/host_tensor.ts";
import type { Pixels } from "../../io/image/index.ts";
import type { Watch } from "../drawing_progress.ts";
import type { Event, Output } from "../output.ts";

/** What the images show in turn. */
export interface Shown {
  /** The names of their classes; undefined where they are of none. */
  readonly classes?: readonly string[] | undefined;
  /** Undefined for models without prompts. */
  readonly prompts?: readonly string[] | undefined;
}

/** Work that is ready to start. */
export interface SamplePlan extends Shown {
  /** Number of images to draw; of a walk, in all its frames. */
  readonly count: number;
  readonly scheduler: string;
  /** Denoising steps; undefined for samplers that choose their own. */
  readonly steps: number | undefined;
  /** Whether each image has its own steps. */
  readonly isAdaptive: boolean;
  /** Fields of the report that only this kind of model has, once the images are drawn. */
  readonly report: () => Event;
  /** What people are told beside the images. */
  readonly remarks: readonly string[];
  /** Size of an image, pixels. */
  readonly imageSize: Pick<Pixels, "width" | "height">;
  /** @returns the images, on the first process */
  draw(watch: Watch, signal: AbortSignal): Promise<Pixels[] | undefined>;
  /** Converts the samples of a watch to images, [N, H, W, C] in [-1, 1]. */
  decode(latents: HostTensor): Promise<HostTensor>;
  close(): Promise<void>;
}

/** What a plan is made with, besides the flags. */
export interface SampleMeans {
  /** The processes that draw together, of which the first one writes. */
  readonly communicator: Communicator;
  readonly output: Output;
  readonly signal: AbortSignal;
}
