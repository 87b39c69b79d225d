// What Stable Diffusion XL is told of its images (Podell et al. 2023, arXiv 2307.01952, section 2.2): the size of the
// original, where it was cropped, and the size of the image; the refiner, in place of that, how beautiful it is.

import type { ImageSize } from "../codecs/codec.ts";
import { PipelineError } from "./errors.ts";

/** Height and width, in pixels. */
export type SizePair = readonly [height: number, width: number];
/** From top and from left, in pixels. */
export type CornerPair = readonly [top: number, left: number];

/** What the model is told of the sizes, of images like which a call's shall be. */
export interface TimeIdOptions {
  /** Of the original: small ones make blurred images. Default: the size of the call's images. */
  readonly originalSize?: SizePair;
  /** Where the original was cropped: other than 0 shifts what is shown. Default [0, 0]. */
  readonly cropsCoordsTopLeft?: CornerPair;
  /** Default: the size of the call's images. */
  readonly targetSize?: SizePair;
  /** The same for what the images do not show. Default: `originalSize`. */
  readonly negativeOriginalSize?: SizePair;
  /** Default: `cropsCoordsTopLeft`, beside an aesthetic score [0, 0]. */
  readonly negativeCropsCoordsTopLeft?: CornerPair;
  /** Default: `targetSize`. */
  readonly negativeTargetSize?: SizePair;
  /**
   * For models that are told of it, such as the refiner, in place of `targetSize`: how beautiful the images shall be, in
   * the marks of people from 1 to 10. Default 6.
   */
  readonly aestheticScore?: number;
  /** The same for what the images do not show. Default 2.5. */
  readonly negativeAestheticScore?: number;
}

/** How many numbers they are: of sizes, or with an aesthetic score. */
export const timeIdsLength = (isScored: boolean): number => (isScored ? 5 : 6);

const OF_SIZES = ["targetSize", "negativeTargetSize"] as const;
const OF_SCORES = ["aestheticScore", "negativeAestheticScore"] as const;

type PairName = Exclude<keyof TimeIdOptions, (typeof OF_SCORES)[number]>;

/** Largest size that can be told. */
const MOST = 2 ** 16;

/** Largest aesthetic score that can be told. */
const MOST_SCORE = 100;

/**
 * The numbers as the model sees them, with the prompt and without.
 * @param isScored whether the model is told an aesthetic score, and not the image's size
 * @throws PipelineError for sizes and scores that are none, and for options that the model is not told of
 */
export function timeIds(
  options: TimeIdOptions,
  { height, width }: ImageSize,
  isScored: boolean,
): { readonly own: Float32Array; readonly negative: Float32Array } {
  const untold = (isScored ? OF_SIZES : OF_SCORES).find((name) => options[name] !== undefined);
  if (untold !== undefined) {
    throw new PipelineError(
      `the model is told of ${isScored ? "an aesthetic score" : "sizes"}, and not of ${untold}; leave it out`,
    );
  }
  const pair = (name: PairName, fallback: SizePair): SizePair => {
    const given = options[name] ?? fallback;
    const isPair = Array.isArray(given) && given.length === 2;
    if (isPair && given.every((side) => Number.isInteger(side) && side >= 0 && side <= MOST)) return given;
    throw new PipelineError(
      `${name} is ${JSON.stringify(given)}, expected two whole numbers from 0 to ${MOST}`,
    );
  };
  const score = (name: (typeof OF_SCORES)[number], fallback: number): number => {
    const given = options[name] ?? fallback;
    if (given >= 0 && given <= MOST_SCORE) return given;
    throw new PipelineError(`${name} is ${given}, expected a number from 0 to ${MOST_SCORE}`);
  };
  const original = pair("originalSize", [height, width]);
  const crops = pair("cropsCoordsTopLeft", [0, 0]);
  if (isScored) {
    return {
      own: Float32Array.of(...original, ...crops, score("aestheticScore", 6)),
      negative: Float32Array.of(
        ...pair("negativeOriginalSize", original),
        // Unlike for sizes: diffusers tells a crop that is given of the prompt alone.
        ...pair("negativeCropsCoordsTopLeft", [0, 0]),
        score("negativeAestheticScore", 2.5),
      ),
    };
  }
  const target = pair("targetSize", [height, width]);
  return {
    own: Float32Array.of(...original, ...crops, ...target),
    negative: Float32Array.of(
      ...pair("negativeOriginalSize", original),
      ...pair("negativeCropsCoordsTopLeft", crops),
      ...pair("negativeTargetSize", target),
    ),
  };
}
