// The options that select the images of a source and their size, shared by all commands that read one.

import { nonEmpty } from "./parsers.ts";

/** Largest side of the square images, in pixels. */
export const MAX_SIZE = 4096;

/** Selects a part of a source: name, description and parser of each option. */
export const SELECTION = {
  split: [
    "--split <name>",
    "train, validation, test or another part of the source, by the names of its files or folders",
    nonEmpty("--split"),
  ],
  imageColumn: [
    "--image-column <name>",
    "parquet, .npz, WebDataset: the column, array or extension of the images (default: the one that can only be it)",
    nonEmpty("--image-column"),
  ],
  labelColumn: [
    "--label-column <name>",
    "the labels: a column of the parquet files, of a metadata.csv or .jsonl beside the images, an array of the .npz, or a field of the .json files of WebDataset (default: label)",
    nonEmpty("--label-column"),
  ],
} as const;
