// What the page and its drawing worker say to each other.

/** What is drawn, and how. */
export interface DrawRequest {
  /** Of a pipeline: an address, or a name on the Hub. */
  readonly source: string;
  readonly count: number;
  readonly seed: number;
  /** Undefined for what the pipeline draws with by itself. */
  readonly scheduler?: string;
  readonly steps?: number;
  readonly classLabel?: string;
  readonly guidanceScale?: number;
  readonly backend: "auto" | "webgpu" | "wasm";
  /** Whether the steps also show what the model takes for the clean image. */
  readonly showsClean: boolean;
  /** Seeds between whose pictures frames go, instead of pictures of one seed. */
  readonly walk?: readonly number[];
  /** A picture of which a part is drawn anew. */
  readonly repaint?: Repaint;
}

/** One picture, and where it is kept. */
export interface Repaint {
  readonly picture: Pictures;
  /** A byte for each pixel: 255 is kept, 0 is drawn anew. */
  readonly mask: Uint8Array<ArrayBuffer>;
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

export type ToWorker = { readonly kind: "draw"; readonly request: DrawRequest } | { readonly kind: "cancel" };

export type FromWorker =
  | { readonly kind: "about"; readonly classes: readonly string[] }
  | { readonly kind: "stage"; readonly text: string }
  | {
      readonly kind: "step";
      readonly step: number;
      readonly steps: number;
      readonly pictures: Pictures;
      readonly clean: Pictures | undefined;
    }
  /** Of a walk: the share that is drawn, then its frames. */
  | { readonly kind: "share"; readonly share: number }
  | { readonly kind: "walk"; readonly frames: Pictures }
  | { readonly kind: "done"; readonly seconds: number }
  | { readonly kind: "problem"; readonly message: string };
