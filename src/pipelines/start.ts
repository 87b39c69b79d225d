// Where the drawing of a call starts, if not at noise alone, and which part of the schedule it walks.

import type { HostTensor } from "../engine/host_tensor.ts";
import type { Scheduler } from "../schedulers/index.ts";
import type { DrawnNoise } from "./image_noise.ts";
import type { Origin } from "./sampling.ts";
import type { SchedulePart } from "./schedule_part.ts";

/** A batch about to be drawn. */
export interface StartingBatch {
  /** With its timesteps set, at the first step. */
  readonly scheduler: Scheduler;
  /** The first of the timesteps that are walked. */
  readonly timestep: number;
  readonly noise: DrawnNoise;
  /** [N, h, w, c], in the model's space. */
  readonly shape: HostTensor["shape"];
  /** Index of the batch's first image in the call. */
  readonly firstImage: number;
}

/** Where a call starts, and ends. */
export interface Start {
  readonly part: SchedulePart;
  /** Default: noise alone. */
  origin?(batch: StartingBatch): Promise<Origin>;
}
