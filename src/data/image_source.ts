// The interface of data sets.

import type { Channels } from "../io/image/index.ts";

/** A data set: numbered, decoded images of one size. */
export interface ImageSource {
  /** The user's name for it: "synthetic", or the folder. */
  readonly name: string;
  /** Number of images. */
  readonly count: number;
  /** In pixels. */
  readonly size: { readonly height: number; readonly width: number };
  /** Gray; RGB; RGB and alpha. */
  readonly channels: Channels;
  /** Whether training mirrors the images at random; chosen by the creator of the source. */
  readonly flip: boolean;
  /** The classes of the images, where known. */
  readonly labels?: ClassLabels;
  /** Image `index` as bytes [height, width, channels]. The array is shared: do not write to it. */
  image(index: number): Uint8Array;
  /** Hash of names, options and bytes: equal for equal images on any machine. */
  fingerprint(): string;
}

/** The class of each image of a data set. */
export interface ClassLabels {
  /** The classes' names, each once: sorted, unless the source itself numbers its classes. */
  readonly names: readonly string[];
  /** For each image, an index into `names`. */
  readonly of: Int32Array;
}
