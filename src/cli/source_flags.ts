// The options that say which images of a source are read, and at which size: the same in every command that reads one.

import { nonEmpty } from "./parsers.ts";

/** Side of the square images that are read, at most: pixels. */
export const MAX_SIZE = 4096;

/** Which part of a source is read: name, explanation and reader of each option. */
export const SELECTION = {
  split: [
    "--split <name>",
    "train, validation, test or another part of the source, by the names of its files or folders",
    nonEmpty("--split"),
  ],
  imageColumn: [
    "--image-column <name>",
    "parquet: the column of images (default: the one that can only be it)",
    nonEmpty("--image-column"),
  ],
  labelColumn: [
    "--label-column <name>",
    "the labels: a column of the parquet files, or of a metadata.csv or .jsonl beside the images (default: label)",
    nonEmpty("--label-column"),
  ],
} as const;
