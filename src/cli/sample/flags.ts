// The options of imago sample once they are read, and the defaults of those that depend on others.

import type { BackendChoice } from "../../engine/backends/create.ts";
import type { Precision } from "../../engine/precision.ts";
import { animatedFormat, type Extent } from "../../io/image/index.ts";
import type { SeedCompat } from "../../pipelines/seeding.ts";
import type { DrawingFlags } from "../drawing_plan.ts";
import { UsageError } from "../errors.ts";
import type { WeightedFile } from "../parsers.ts";
import type { TeamFlags } from "../team.ts";

/** What stands below the images of a sheet. */
export const CAPTIONS = ["none", "index", "seed", "class", "prompt"] as const;

/** Options of imago sample; those without a question mark have defaults. */
export interface SampleFlags extends DrawingFlags, TeamFlags {
  readonly schedulerOption?: Readonly<Record<string, unknown>>;
  readonly eta?: number;
  readonly snr?: number;
  readonly correctorSteps?: number;
  readonly rtol?: number;
  readonly atol?: number;
  readonly image?: string;
  readonly mask?: string;
  readonly jumpLength?: number;
  readonly jumpNSample?: number;
  /** Names or numbers, separated by commas. */
  readonly class?: string;
  /** Images take them in turn. */
  readonly prompt?: readonly string[];
  /** What the images do not show: one text for all prompts, or one for each. */
  readonly negative?: readonly string[];
  /** Last layers of the text encoder that prompts leave out. */
  readonly clipSkip?: number;
  /** How much of an image is drawn anew. */
  readonly strength?: number;
  /** Of Stable Diffusion XL: prompts for the second text encoder, once for all prompts, or once for each. */
  readonly prompt2?: readonly string[];
  readonly negative2?: readonly string[];
  /** Of Stable Diffusion XL: sizes of which the images shall be like. */
  readonly originalSize?: Extent;
  readonly targetSize?: Extent;
  readonly cropTopLeft?: readonly [top: number, left: number];
  readonly negativeOriginalSize?: Extent;
  readonly negativeTargetSize?: Extent;
  readonly negativeCropTopLeft?: readonly [top: number, left: number];
  /** A second model of Stable Diffusion XL, which goes on from the latents of the first one. */
  readonly refiner?: string;
  /** Where on the way from noise to the image it takes over. */
  readonly denoisingEnd?: number;
  /** Of a single file: the folder of the tokenizer. */
  readonly tokenizer?: string;
  /** Of a single file: a pipeline's folder, of which all but the weights is taken. */
  readonly config?: string;
  /** LoRAs that take part, all together. */
  readonly lora?: readonly WeightedFile[];
  /** Of models that draw images of any size. */
  readonly size?: Extent;
  /** Whether the autoencoder works in tiles even where memory does not ask for it. */
  readonly tiled?: boolean;
  readonly seedCompat?: SeedCompat;
  /** Seeds to walk between; `count` is then the number of walkers. */
  readonly walk?: readonly number[];
  /** Frames from a seed to the next. */
  readonly walkFrames: number;
  readonly variant?: string;
  readonly revision?: string;
  readonly out: string;
  readonly margin?: number;
  readonly captions: (typeof CAPTIONS)[number];
  readonly each?: string;
  readonly film?: string;
  readonly filmFrames: number;
  readonly filmStrip?: string;
  readonly force?: boolean;
  readonly threads?: number;
  readonly backend?: BackendChoice;
  readonly precision?: Precision;
  readonly json?: boolean;
}

/** Defaults that depend on other options. */
const SHEET = { count: 16, batchSize: 16, seed: 0, out: "samples.png" };
const WALK = { count: 1, batchSize: 16, seed: 0, out: "walk.webp" };
const FRAMES = { walkFrames: 16, filmFrames: 24 };

/** The options as they were given. */
export type GivenFlags = Omit<SampleFlags, keyof typeof SHEET | keyof typeof FRAMES> &
  Partial<Pick<SampleFlags, keyof typeof SHEET | keyof typeof FRAMES>>;

/**
 * Adds the defaults.
 * @throws UsageError for options that do not go together
 */
export function withDefaults(given: GivenFlags): SampleFlags {
  const { walk, walkFrames, film, filmFrames, captions } = given;
  if (film === undefined && filmFrames !== undefined) {
    throw new UsageError("--film-frames is of --film; give both or neither");
  }
  if (walk === undefined) {
    if (walkFrames !== undefined) throw new UsageError("--walk-frames is of --walk; give both or neither");
    const flags = { ...FRAMES, ...SHEET, ...promptDefaults(given), ...given };
    if (!flags.out.toLowerCase().endsWith(".gif")) return flags;
    throw new UsageError(
      `--out is "${flags.out}"; a sheet is written as .png, .jpg or .webp, a walk as .gif too`,
    );
  }
  const flags = { ...FRAMES, ...WALK, ...promptDefaults(given), ...given };
  if (given.seed !== undefined) {
    throw new UsageError("--walk and --seed both name seeds; leave out --seed");
  }
  if (given.seedCompat !== undefined) {
    throw new UsageError("--walk goes between Imago's own noises; leave out --seed-compat");
  }
  if (captions === "seed") {
    throw new UsageError("--captions seed: the images of a walk are between seeds; choose index or class");
  }
  if (animatedFormat(flags.out) === undefined) {
    throw new UsageError(
      `--out is "${flags.out}", but a walk is animated; expected a file name that ends in .webp, .gif or .png`,
    );
  }
  return flags;
}

/** An image for each prompt. Models with prompts draw large ones, which take much memory; a single one needs no frame. */
function promptDefaults({ prompt, count: given }: GivenFlags): Partial<SampleFlags> {
  if (prompt === undefined) return {};
  const count = given ?? prompt.length;
  return { count, batchSize: 1, ...(count === 1 && { margin: 0 }) };
}
