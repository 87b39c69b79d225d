// The options that select the images of a source and their form, shared by all commands that read one.

import { type Channels, type Extent, FITS, type Fit } from "../io/image/index.ts";
import { choice, color, imageSize, nonEmpty } from "./parsers.ts";

/** Largest side of images, in pixels. */
const MAX_SIZE = 4096;

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

/** The options for the form of images; absent ones are undefined. */
export interface FormFlags {
  readonly size?: Extent;
  readonly channels?: Channels | "auto";
  readonly fit?: Fit;
  readonly ground?: string;
}

const CHANNELS = { auto: "auto", 1: 1, 3: 3, 4: 4 } as const;
const channelsOf = choice("--channels", ["auto", "1", "3", "4"]);

/** The size where neither a model nor an option says it. */
export const DEFAULT_SIZE: Extent = { width: 32, height: 32 };

/** The form of images: name, description and parser of each option. */
export const FORM = {
  size: [
    "--size <pixels>",
    "of the images: 64 for squares, or width x height such as 96x128",
    imageSize("--size", 1, MAX_SIZE),
  ],
  channels: [
    "--channels <n>",
    "1 for gray, 3 for RGB, 4 with transparency (default: auto, what the originals have)",
    (text: string) => CHANNELS[channelsOf(text)],
  ],
  fit: [
    "--fit <name>",
    `${FITS.join(" | ")}: of images of another shape, keep the centre, or all on a ground, or scale both sides (default: crop)`,
    choice("--fit", FITS),
  ],
  ground: [
    "--ground <colour>",
    'behind transparency and around padded images, such as "#000000" (default: white; with 4 channels nothing)',
    color("--ground"),
  ],
} as const;

/** --size of files without a model, with its default. */
export const SIZE_OF_FILES = [
  FORM.size[0],
  `${FORM.size[1]} (default: ${DEFAULT_SIZE.width})`,
  FORM.size[2],
] as const;

/** How images are brought to their size, as far as it is given. */
export const fittingOf = ({
  fit,
  ground,
}: Pick<FormFlags, "fit" | "ground">): Pick<FormFlags, "fit" | "ground"> => ({
  ...(fit !== undefined && { fit }),
  ...(ground !== undefined && { ground }),
});

/** The same, and the channels. */
export const formOf = ({ channels, ...form }: FormFlags): Omit<FormFlags, "size"> => ({
  ...(channels !== undefined && { channels }),
  ...fittingOf(form),
});
