// Images as they lie in a folder, a list, a zip archive or parquet files: encoded, named, fetched one at a time.
import type { ClassLabels } from "../image_source.ts";

/** A source on the disk: a folder or a file. */
export interface NamedSource {
  readonly path: string;
  /** What the user calls it, for errors and records. */
  readonly name: string;
}

/** Which part of a source is read, and from which columns. */
export interface SourceSelection {
  /** "train", "test", "validation" or another; "val", "dev", "eval" and their like stand for the usual three. */
  readonly split?: string;
  /** Parquet: the column that holds the images. Default: the one that is told to, or can only be that. */
  readonly imageColumn?: string;
  /**
   * The column of a parquet file or of metadata.csv that holds the labels. Default: a column called "label", or the
   * only one that parquet files say to be labels; without metadata, the folders that the images lie in.
   */
  readonly labelColumn?: string;
}

export interface EncodedImages {
  readonly count: number;
  /** Image `index`'s path inside the source, with "/", or its parquet file and row. The same on any machine. */
  nameOf(index: number): string;
  /** Of every image. */
  readonly labels?: ClassLabels;
  /** What the user should know of the source, a line each. */
  readonly warnings: readonly string[];
  /**
   * The file of image `index`.
   * @throws Error whose message says in a few words why it cannot be had; FileError where the whole source fails
   */
  bytes(index: number): Promise<Uint8Array>;
  /** Names the source and what of it is read, on this machine. */
  readonly identity: string;
  /** Changes when the source's files do: from their names, sizes and times. */
  stamp(): Promise<string>;
  close(): Promise<void>;
}
