// Conditioner: interprets the conditioning options of a call, gives the model its inputs, and knows its place in a
// pipeline's folder. Class labels are the first kind.

import type { ImageSize } from "../codecs/codec.ts";
import type { Backend, HostArray } from "../engine/backend.ts";
import type { ModelIndex, SavedComponent } from "../io/diffusers_folder.ts";
import type { ConditionSizes, Conditions } from "../models/denoiser.ts";

/** Images of a call by index; the noise and the condition of an image depend on its index. */
export interface ImageRange {
  /** Index of the first, from 0. */
  readonly firstImage: number;
  /** How many follow each other. */
  readonly count: number;
}

/** The model's inputs for some images. @param backend where it may compute; compiled programs are freed with it */
export type ConditionInputs = (images: ImageRange, backend: Backend) => Promise<Conditions<HostArray>>;

/** The checked condition of a call. */
export interface Condition {
  /** Computes what all batches share, before the model is compiled: the memory for it is then free again. */
  readonly prepare?: (backend: Backend) => Promise<void>;
  /** The model's inputs with the condition. */
  readonly inputs: ConditionInputs;
  /** Null for no guidance. */
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

/** A kind of condition. Asked: its options in a call. */
export interface Conditioner<Asked> {
  /** Its own subfolders in a pipeline's folder. */
  readonly components: readonly SavedComponent[];
  /** Lengths of what it gives that the model's config leaves open. */
  readonly sizes?: ConditionSizes;
  /** Its entries in model_index.json besides those. */
  readonly settings: Pick<ModelIndex, "id2label">;

  /**
   * Checks the options of a call.
   * @param images the size of its images
   * @returns null for a model without conditions
   * @throws PipelineError for options that the model does not support
   */
  condition(options: Asked, images: ImageSize): Condition | null;
}
