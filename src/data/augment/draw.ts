// What is done to one image in one epoch: drawn from (seed, epoch, image) alone.

import { type ItemRandom, STREAM } from "../item_random.ts";
import { type Affine, product, rotation, scaling, translation } from "./affine.ts";
import type { ColorChange } from "./color.ts";
import { drawEdm, type EdmDraw, edmSource } from "./edm.ts";
import type { AugmentOptions } from "./options.ts";

/**
 * What is done to one image of a batch: drawn anew in each epoch, from the seed and the image's place in it.
 */
export interface AugmentDraw {
  /** The square that is kept: its side, and its middle counted from the image's, in shares of the image's sides. */
  readonly crop: { readonly side: number; readonly x: number; readonly y: number };
  /** Radians, clockwise. */
  readonly rotation: number;
  /** To the right and down, in shares of the image's sides. */
  readonly shift: { readonly x: number; readonly y: number };
  /** null where colours stay as they are. */
  readonly color: ColorChange | null;
  /** The transformations that the model is told of; null where it is told of none. */
  readonly edm: EdmDraw | null;
}

/** Parts of a circle that the hue turns by, for a colour jitter of 1. */
const HUE_SHARE = 0.25;

/** @param epoch from 0 */
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

/** A number from 0 to 1 as one from -most to most. */
const within = (unit: number, most: number): number => (2 * unit - 1) * most;

/**
 * Where in an image of that size each place of the augmented one comes from: mirrored if asked for, cropped, turned and
 * shifted, and then what the model is told of.
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
