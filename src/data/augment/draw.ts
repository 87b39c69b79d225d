// The random augmentation of one image in one epoch; depends on (seed, epoch, image) only.

import { type ItemRandom, STREAM } from "../item_random.ts";
import { type Affine, product, rotation, scaling, translation } from "./affine.ts";
import type { ColorChange } from "./color.ts";
import { drawEdm, type EdmDraw, edmSource } from "./edm.ts";
import type { AugmentOptions } from "./options.ts";

/** The augmentation of one image, drawn for each epoch from the seed and the image's index. */
export interface AugmentDraw {
  /** The square kept by the crop: its side, and its centre relative to the image's, in shares of the image's sides. */
  readonly crop: { readonly side: number; readonly x: number; readonly y: number };
  /** Radians, clockwise. */
  readonly rotation: number;
  /** To the right and down, in shares of the image's sides. */
  readonly shift: { readonly x: number; readonly y: number };
  /** null: colours unchanged. */
  readonly color: ColorChange | null;
  /** The non-leaky transformations, which the model gets as a condition; null without them. */
  readonly edm: EdmDraw | null;
}

/** Largest rotation of the hue, as a share of the circle, at a colour jitter of 1. */
const HUE_SHARE = 0.25;

/**
 * Draws the augmentation of image `item`.
 * @param epoch from 0
 */
export function drawAugmentation(
  options: AugmentOptions,
  random: ItemRandom,
  item: number,
  epoch: number,
): AugmentDraw {
  const { randomCrop, rotate, translate, colorJitter, augmentProbability } = options;
  const [cut, cutX, cutY] = random.uniforms(item, epoch, STREAM.crop);
  const side = 1 - randomCrop * cut;
  const [turn] = random.uniforms(item, epoch, STREAM.rotation);
  const [shiftX, shiftY] = random.uniforms(item, epoch, STREAM.shift);
  return {
    crop: { side, x: (1 - side) * (cutX - 0.5), y: (1 - side) * (cutY - 0.5) },
    rotation: within(turn, (rotate * Math.PI) / 180),
    shift: { x: within(shiftX, translate), y: within(shiftY, translate) },
    color: colorJitter === 0 ? null : drawColor(colorJitter, random.uniforms(item, epoch, STREAM.color)),
    edm: augmentProbability === 0 ? null : drawEdm(random, item, epoch, augmentProbability),
  };
}

function drawColor(jitter: number, [a, b, c, d]: readonly [number, number, number, number]): ColorChange {
  return {
    brightness: 1 + within(a, jitter),
    contrast: 1 + within(b, jitter),
    saturation: 1 + within(c, jitter),
    hue: within(d, 2 * Math.PI * HUE_SHARE * jitter),
  };
}

/** Maps 0 .. 1 to -most .. most. */
const within = (unit: number, most: number): number => (2 * unit - 1) * most;

/**
 * The map from positions in the augmented image to positions in the original, of the given size: mirroring, crop,
 * rotation and shift, then the non-leaky transformations.
 */
export function sourceMap(
  { crop, rotation: angle, shift, edm }: AugmentDraw,
  mirrored: boolean,
  size: { readonly width: number; readonly height: number },
): Affine {
  const { width, height } = size;
  return product(
    scaling(mirrored ? -1 : 1, 1),
    translation(crop.x * width, crop.y * height),
    scaling(crop.side, crop.side),
    rotation(-angle),
    translation(-shift.x * width, -shift.y * height),
    ...(edm === null ? [] : [edmSource(edm, size)]),
  );
}
