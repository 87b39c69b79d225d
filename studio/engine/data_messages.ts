// What the page asks the worker that reads the user's images and changes pictures as training does.

import type { AugmentOptions } from "imago";
import type { PlacedFile } from "imago/browser";
import type { Choice, ImageForm } from "../places/data_place.ts";
import type { Pictures } from "./messages.ts";

export type DataCall =
  /** Without files: the drawn butterflies. */
  | { readonly name: "open"; readonly form: ImageForm; readonly files: readonly PlacedFile[] | null }
  | { readonly name: "status" | "summary" | "near" | "close"; readonly id: string }
  | { readonly name: "entries"; readonly id: string; readonly choice: Choice }
  | {
      readonly name: "pictures";
      readonly id: string;
      readonly images: readonly number[];
      readonly side: number | undefined;
    }
  | { readonly name: "augment"; readonly request: AugmentRequest };

/** Images of a data set, as training would change them. */
export interface AugmentRequest {
  /** The images, at their full size. */
  readonly pictures: Pictures;
  readonly channels: 1 | 3 | 4;
  /** Their numbers in the data set, and how many it has: they decide what is drawn, as in training. */
  readonly images: readonly number[];
  readonly count: number;
  readonly flip: boolean;
  readonly options: AugmentOptions;
  /** Epochs of a training with seed 0, each of which changes an image anew. */
  readonly epochs: readonly number[];
}
