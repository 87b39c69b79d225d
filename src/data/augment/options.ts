// Which transformations images go through on their way to the model, and how far they go.

/** How images are changed at random before the model sees them; 0 for what is not done. */
export interface AugmentOptions {
  /** Up to this share of the side is cut away, at random places, and the rest scaled back: 0 to 0.9. */
  readonly randomCrop: number;
  /** Turns by up to this many degrees to either side: 0 to 180. */
  readonly rotate: number;
  /** Shifts by up to this share of the side, along each axis: 0 to 1. */
  readonly translate: number;
  /**
   * Factors of brightness, contrast and saturation from 1 - x to 1 + x, and a turn of the hue by up to x / 4 of the
   * circle (the proportions of Chen et al. 2020, arXiv 2002.05709, appendix A): 0 to 1.
   */
  readonly colorJitter: number;
  /**
   * Non-leaky augmentation (Karras et al. 2022, arXiv 2206.00364, appendix F.2): the probability of each of its
   * transformations, of which the model is told: 0 to 1. Theirs: 0.12 and 0.15.
   */
  readonly augmentProbability: number;
}

/** Images as they are; also what configs mean that do not name these options. */
export const NO_AUGMENTATION: AugmentOptions = {
  randomCrop: 0,
  rotate: 0,
  translate: 0,
  colorJitter: 0,
  augmentProbability: 0,
};

/** The greatest value of each option; the least is 0. */
export const AUGMENT_LIMITS: AugmentOptions = {
  randomCrop: 0.9,
  rotate: 180,
  translate: 1,
  colorJitter: 1,
  augmentProbability: 1,
};

/** Whether images are anything but mirrored. */
export const isAugmenting = (options: AugmentOptions): boolean =>
  AUGMENT_OPTIONS.some((name) => options[name] > 0);

export const AUGMENT_OPTIONS = [
  "randomCrop",
  "rotate",
  "translate",
  "colorJitter",
  "augmentProbability",
] as const satisfies readonly (keyof AugmentOptions)[];
