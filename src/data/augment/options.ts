// Augmentation options: which random transformations training images get, and how strong they are.

/** Random changes of training images; 0 switches one off. */
export interface AugmentOptions {
  /** Crops up to this share of the side at a random position and scales the rest back: 0 to 0.9. */
  readonly randomCrop: number;
  /** Rotates by up to this many degrees either way: 0 to 180. */
  readonly rotate: number;
  /** Shifts by up to this share of the side, along each axis: 0 to 1. */
  readonly translate: number;
  /**
   * Factors of brightness, contrast and saturation from 1 - x to 1 + x, and a hue rotation of up to x / 4 of the circle
   * (the proportions of Chen et al. 2020, arXiv 2002.05709, appendix A): 0 to 1.
   */
  readonly colorJitter: number;
  /**
   * Non-leaky augmentation (Karras et al. 2022, arXiv 2206.00364, appendix F.2): the probability of each of its
   * transformations, which the model gets as a condition: 0 to 1. The paper uses 0.12 and 0.15.
   */
  readonly augmentProbability: number;
}

/** No augmentation; also the meaning of configs without these options. */
export const NO_AUGMENTATION: AugmentOptions = {
  randomCrop: 0,
  rotate: 0,
  translate: 0,
  colorJitter: 0,
  augmentProbability: 0,
};

/** The largest value of each option; the smallest is 0. */
export const AUGMENT_LIMITS: AugmentOptions = {
  randomCrop: 0.9,
  rotate: 180,
  translate: 1,
  colorJitter: 1,
  augmentProbability: 1,
};

/** Whether any augmentation other than mirroring is on. */
export const isAugmenting = (options: AugmentOptions): boolean =>
  AUGMENT_OPTIONS.some((name) => options[name] > 0);

/** The names of the augmentations. */
export const AUGMENT_OPTIONS = [
  "randomCrop",
  "rotate",
  "translate",
  "colorJitter",
  "augmentProbability",
] as const satisfies readonly (keyof AugmentOptions)[];
