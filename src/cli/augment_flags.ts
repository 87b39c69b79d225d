// The options for random changes of images, shared by imago train and imago data preview.

import type { Command } from "commander";
import { AUGMENT_LIMITS, AUGMENT_OPTIONS, type AugmentOptions } from "../data/augment/options.ts";
import { decimal } from "./parsers.ts";

/** The options as given; absent ones are undefined. */
export interface AugmentFlags extends Partial<AugmentOptions> {
  readonly flip?: boolean;
}

/** The given options except --flip. */
export function augmentFlags(flags: AugmentFlags): Partial<AugmentOptions> {
  return Object.fromEntries(
    AUGMENT_OPTIONS.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]]),
  );
}

/** Adds the options to a command, as a group of its help. */
export function addAugmentOptions(command: Command): void {
  const upTo = (option: string, max: number) => decimal(option, { min: 0, max });
  command
    .optionsGroup("What is done to images at random, anew in each epoch:")
    .option("--flip", "mirror half of the images")
    .option("--no-flip", "mirror none")
    .option(
      "--random-crop <share>",
      "cut up to this share of the side away, such as 0.1, and scale the rest back",
      upTo("--random-crop", AUGMENT_LIMITS.randomCrop),
    )
    .option(
      "--rotate <degrees>",
      "turn by up to this much to either side",
      upTo("--rotate", AUGMENT_LIMITS.rotate),
    )
    .option(
      "--translate <share>",
      "shift by up to this share of the side",
      upTo("--translate", AUGMENT_LIMITS.translate),
    )
    .option(
      "--color-jitter <x>",
      "change brightness, contrast and saturation by up to this share, and hue a little",
      upTo("--color-jitter", AUGMENT_LIMITS.colorJitter),
    )
    .option(
      "--augment-probability <p>",
      "move, turn and stretch images and tell the model, which then draws upright ones (0.12 is usual)",
      upTo("--augment-probability", AUGMENT_LIMITS.augmentProbability),
    );
}
