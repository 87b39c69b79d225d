// Conditioner: what a model is conditioned on: what a call can ask of it, the inputs that it gives to the model, and its
// place in a pipeline's folder. Class labels are the first kind.

import type { Backend, HostArray } from "../engine/backend.ts";
import type { ModelIndex, SavedComponent } from "../io/diffusers_folder.ts";
import type { Conditions } from "../models/denoiser.ts";

/** Images of a call, by their numbers: the noise of an image, and what it shows, belong to its number. */
export interface ImageRange {
  readonly firstImage: number;
  readonly count: number;
}

/** The model's inputs for some images. @param backend where it may compute; what it compiles is freed with it */
export type ConditionInputs = (images: ImageRange, backend: Backend) => Promise<Conditions<HostArray>>;

/** What a call asks for, checked. */
export interface Condition {
  readonly inputs: ConditionInputs;
  /** Null where the model's plain answer is asked for. */
  readonly guidance: Guidance | null;
}

/** uncond + w (cond - uncond): see `guided` in denoiser_program.ts. */
export interface Guidance {
  /** w. */
  readonly scale: number;
  /** φ. */
  readonly rescale: number;
  /** The model's inputs without the condition. */
  readonly inputs: ConditionInputs;
}

/** Asked: the options of a call that it understands. */
export interface Conditioner<Asked> {
  /** Its own subfolders in a pipeline's folder. */
  readonly components: readonly SavedComponent[];
  /** What it is in model_index.json beside those. */
  readonly settings: Pick<ModelIndex, "id2label">;

  /**
   * Checks what a call asks for.
   * @returns null for a model that is not conditioned on anything
   * @throws PipelineError for what the model cannot be given
   */
  condition(options: Asked): Condition | null;
}
