// Images of a folder, a file or an archive: as files or as bare pixels, named, fetched one at a time.
import type { Pixels } from "../../io/image/index.ts";
import type { ClassLabels } from "../image_source.ts";

/** A source on the disk: a folder or a file. */
export interface NamedSource {
  readonly path: string;
  /** The user's name for it, for errors and records. */
  readonly name: string;
}

/** The part of a source to read, and its columns. */
export interface SourceSelection {
  /** "train", "test", "validation" or another; "val", "dev", "eval" and similar names mean the usual three. */
  readonly split?: string;
  /** Parquet, .npz, WebDataset: the column, array or extension of the images. Default: see `imageColumn`. */
  readonly imageColumn?: string;
  /**
   * The column of labels in a parquet file or in metadata.csv, or the array of labels in a .npz, or the field of the JSON in WebDataset. Default: a column named "label", or the only one that a
   * parquet file declares as labels; without metadata, the images' folders.
   */
  readonly labelColumn?: string;
}

/** Pixels that a source holds as they are, in place of an image file. */
export interface StoredPixels extends Pixels {
  /** The kind of source, where an image file has its format. */
  readonly format: string;
}

export interface EncodedImages {
  readonly count: number;
  /** Image `index`'s path inside the source, with "/", or its parquet file and row. The same on any machine. */
  nameOf(index: number): string;
  /** The class of every image. */
  readonly labels?: ClassLabels;
  /** Warnings for the user, one line each. */
  readonly warnings: readonly string[];
  /**
   * Image `index`: the bytes of its file, or its pixels.
   * @throws Error whose message says briefly why the image cannot be read; FileError where the whole source fails
   */
  content(index: number): Promise<Uint8Array | StoredPixels>;
  /** Identifies the source and the selected part on this machine. */
  readonly identity: string;
  /** Changes when the source's files change: made of their names, sizes and times. */
  stamp(): Promise<string>;
  close(): Promise<void>;
}
