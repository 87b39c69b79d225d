// What the page and its drawing worker say to each other.

import type { Pixels } from "imago";
import type { PlacedFile } from "imago/browser";

/** A file of the user's disk, or the address of one, and the path that it shall have. */
export interface Placed {
  readonly path: string;
  readonly file: File | string;
}

/** What a single file of Stable Diffusion is without. */
export interface Beside {
  /** A tokenizer's folder, or a pipeline's, whose configs count too. */
  readonly kind: "tokenizer" | "config";
  /** The server's, or one of no other. */
  readonly name: string;
  readonly files: readonly Placed[];
}

/** A single file of Stable Diffusion. */
export interface SingleFile {
  readonly weights: Placed;
  /** Null where none is chosen. */
  readonly beside: Beside | null;
}

/** A LoRA, and how strong it is. */
export interface Lora {
  /** Of no other: that of the server's list, or of a file. */
  readonly name: string;
  readonly file: File | string;
  readonly weight: number;
}

/** Where a model is. */
export interface ModelSource {
  /** What loadPipeline takes: an address, a path, a name on the Hub. Of `files` and `single`, a name of no other. */
  readonly address: string;
  /** A pipeline's folder on the user's disk. */
  readonly files?: readonly PlacedFile[];
  /** The folder of a run's checkpoint, whose weights draw instead: an address or a path. */
  readonly checkpoint?: string;
  readonly single?: SingleFile;
  /** Those that take part; for models that see prompts. */
  readonly loras?: readonly Lora[];
}

export type OptionValue = string | number | boolean;

/** An image that pictures of a prompt start from; whatever its size, it is scaled and cropped to theirs. */
export interface Start {
  readonly image: File | Pixels;
  /** Of which the light part is drawn anew, and the dark one kept. Undefined for all of it. */
  readonly mask?: File | Pixels;
  /** Above 0 .. 1, how much is drawn anew. */
  readonly strength?: number;
}

/** What is drawn, and how. */
export interface DrawRequest {
  readonly model: ModelSource;
  readonly count: number;
  readonly seed: number;
  /** Undefined for what the pipeline draws with by itself. */
  readonly scheduler?: string;
  readonly steps?: number;
  /** Of the scheduler or sampler, by its own names. */
  readonly options?: Readonly<Record<string, OptionValue>>;
  /** The share of random noise, for schedulers that have it as an option of their steps. */
  readonly eta?: number;
  readonly classLabel?: string;
  readonly guidanceScale?: number;
  /** For models that draw what it says, which need one. */
  readonly prompt?: string;
  /** What the pictures do not show. */
  readonly negativePrompt?: string;
  /** Of the pictures of a prompt, in pixels, where it is not the model's own. */
  readonly size?: { readonly width: number; readonly height: number };
  readonly start?: Start;
  readonly backend: "auto" | "webgpu" | "wasm";
  /** Whether the steps of a prompt's pictures are seen, which are decoded for it. Those of others always are. */
  readonly showsSteps?: boolean;
  /** Whether the steps also show what the model takes for the clean image. */
  readonly showsClean: boolean;
  /** Seeds between whose pictures frames go, instead of pictures of one seed. */
  readonly walk?: readonly number[];
  /** A picture of which a part is drawn anew. */
  readonly repaint?: Repaint;
  /** A picture to which noise is added, instead of a drawing. */
  readonly noised?: Noised;
}

/** One picture, and where it is kept. */
export interface Repaint {
  readonly picture: Pictures;
  /** A byte for each pixel: 255 is kept, 0 is drawn anew. */
  readonly mask: Uint8Array<ArrayBuffer>;
}

/** One picture, and how much noise is added to it: that of a timestep of the model's, 0 for least. */
export interface Noised {
  /** Null for a drawn butterfly. */
  readonly picture: Pictures | null;
  /** Share of the timesteps, 0 to 1. */
  readonly level: number;
}

/** Frames from a seed of a walk to the next. */
export const WALK_FRAMES = 12;

/** Pictures side by side in memory: RGBA, count x width x height. */
export interface Pictures {
  readonly width: number;
  readonly height: number;
  readonly count: number;
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** A step that a sampler chose for one image. */
export interface ImageStep {
  readonly image: number;
  /** Where it began and ended, in timesteps; -1 is the image. */
  readonly timestep: number;
  readonly nextTimestep: number;
  /** Standard deviation of the noise that it added. */
  readonly noise: number;
}

export type ToWorker = { readonly kind: "draw"; readonly request: DrawRequest } | { readonly kind: "cancel" };

export type FromWorker =
  | { readonly kind: "about"; readonly classes: readonly string[] }
  | { readonly kind: "stage"; readonly text: string }
  | { readonly kind: "warning"; readonly text: string }
  /** After each step: of which picture it was, where they are drawn one by one, and the share of all that is done. */
  | {
      readonly kind: "progress";
      readonly picture: number | null;
      readonly step: number;
      readonly steps: number;
      readonly share: number;
    }
  /** Pictures that are drawn together, as they are after a step. */
  | {
      readonly kind: "step";
      /** The number of the first of them. */
      readonly first: number;
      readonly step: number;
      readonly steps: number;
      readonly pictures: Pictures;
      readonly clean: Pictures | undefined;
    }
  /** Of a sampler that chooses its steps, before the pictures after it. */
  | { readonly kind: "image step"; readonly step: ImageStep }
  /** Of a walk: the share that is drawn, then its frames. */
  | { readonly kind: "share"; readonly share: number }
  | { readonly kind: "walk"; readonly frames: Pictures }
  | { readonly kind: "done"; readonly seconds: number }
  | { readonly kind: "problem"; readonly message: string };
