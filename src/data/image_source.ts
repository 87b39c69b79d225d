// What a data set is to everything above it.

/** What every data set is to the rest of the house: a numbered set of decoded images of one size. */
export interface ImageSource {
  /** What the user called it: "synthetic", or the folder. */
  readonly name: string;
  /** Number of images. */
  readonly count: number;
  /** In pixels. */
  readonly size: { readonly height: number; readonly width: number };
  readonly channels: 1 | 3;
  /** Whether the images are mirrored at random in training: asked for by whoever made the source. */
  readonly flip: boolean;
  /** What the images show, where that is known. */
  readonly labels?: ClassLabels;
  /** Image `index` as bytes [height, width, channels], RGB. The array is shared: do not write to it. */
  image(index: number): Uint8Array;
  /** The same for the same images, whatever machine they lie on: from names, options and bytes. */
  fingerprint(): string;
}

/** Which class each image of a data set belongs to. */
export interface ClassLabels {
  /** The classes' names, each once: sorted, unless the source itself numbers its classes. */
  readonly names: readonly string[];
  /** By image: an index into `names`. */
  readonly of: Int32Array;
}
