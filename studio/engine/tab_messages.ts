// What the page asks the worker that keeps and trains the runs of this browser.

import type { PlacedFile } from "imago/browser";
import type { TrainOptions } from "../places/place.ts";

export type TabCall =
  | { readonly name: "runs" | "trainings" }
  | { readonly name: "details" | "stop" | "pause" | "unpause"; readonly run: string }
  | { readonly name: "recordsFrom"; readonly run: string; readonly from: number }
  | { readonly name: "file"; readonly run: string; readonly path: string }
  | {
      readonly name: "train";
      readonly run: string;
      readonly options: TrainOptions;
      /** Of the user; none for the drawn butterflies. */
      readonly images: readonly PlacedFile[];
      readonly resume: boolean;
    };

export interface TabMessage {
  readonly id: number;
  readonly call: TabCall;
}

export interface TabReply {
  readonly id: number;
  readonly value?: unknown;
  readonly refused?: string;
}
