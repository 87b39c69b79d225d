// The sizes that Stable Diffusion XL is told of (Podell et al. 2023, arXiv 2307.01952, section 2.2): that of the original,
// where it was cropped, and that of the image.

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
  /** Default: `cropsCoordsTopLeft`. */
  readonly negativeCropsCoordsTopLeft?: CornerPair;
  /** Default: `targetSize`. */
  readonly negativeTargetSize?: SizePair;
}

/** How many numbers they are. */
export const TIME_IDS = 6;

/** Largest size that can be told. */
const MOST = 2 ** 16;

/** The numbers as the model sees them, with the prompt and without. @throws PipelineError for sizes that are none */
export function timeIds(
  options: TimeIdOptions,
  { height, width }: ImageSize,
): { readonly own: Float32Array; readonly negative: Float32Array } {
  const pair = (name: keyof TimeIdOptions, fallback: SizePair): SizePair => {
    const given = options[name] ?? fallback;
    const isPair = Array.isArray(given) && given.length === 2;
    if (isPair && given.every((side) => Number.isInteger(side) && side >= 0 && side <= MOST)) return given;
    throw new PipelineError(
      `${name} is ${JSON.stringify(given)}, expected two whole numbers from 0 to ${MOST}`,
    );
  };
  const original = pair("originalSize", [height, width]);
  const crops = pair("cropsCoordsTopLeft", [0, 0]);
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
