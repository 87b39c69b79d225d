// Non-leaky augmentation (Karras et al. 2022, "Elucidating the design space of diffusion-based generative models",
// arXiv 2206.00364, appendix F.2 and table 6; order and shares as in the released code). The model is conditioned on
// the augmentation of each image, so it learns to distinguish augmented images from original ones; sampled with a
// condition of 0, it draws only the latter.
import * as exact from "../../engine/math/index.ts";
import { type ItemRandom, normals, STREAM } from "../item_random.ts";
import { type Affine, product, rotation, scaling, translation } from "./affine.ts";

/** The augmentation parameters of one image, numbered as in the paper; 0 means no change. */
export interface EdmDraw {
  /** a0: 1 mirrors left to right; half of the images, independent of the probability. */
  readonly mirror: 0 | 1;
  /** a1: 1 flips upside down. */
  readonly upsideDown: 0 | 1;
  /** a2, standard normal: scales by A_scale to this power. */
  readonly scale: number;
  /** a3: rotates by this many radians, -π to π. */
  readonly rotation: number;
  /** a4, radians: the axis of a5; 0 for half of the images. */
  readonly axis: number;
  /** a5, standard normal: stretches along the axis and shrinks across it, by A_aniso to this power. */
  readonly anisotropy: number;
  /** a6, standard normal: shifts by A_trans of the width, times this. */
  readonly shiftX: number;
  /** a7, standard normal: shifts by A_trans of the height, times this. */
  readonly shiftY: number;
}

/** Length of an image's augmentation condition. */
export const CONDITION_SIZE = 9;

const A_SCALE = exact.pow(2, 0.2);
const A_ANISO = exact.pow(2, 0.2);
const A_TRANS = 1 / 8;
const AXIS_PROBABILITY = 0.5;

/** Draws the parameters of an image in an epoch; each kind of transformation is applied with `probability`. */
export function drawEdm(random: ItemRandom, item: number, epoch: number, probability: number): EdmDraw {
  const uniforms = (stream: Parameters<ItemRandom["uniforms"]>[2]) => random.uniforms(item, epoch, stream);
  const [mirrorCoin, flipChance, flipCoin] = uniforms(STREAM.edmFlips);
  const [scaleChance, ...scaleAt] = uniforms(STREAM.edmScale);
  const [rotationChance, turn] = uniforms(STREAM.edmRotation);
  const [anisotropyChance, ...anisotropyAt] = uniforms(STREAM.edmAnisotropy);
  const [axisChance, axisTurn] = uniforms(STREAM.edmAxis);
  const [shiftChance, ...shiftAt] = uniforms(STREAM.edmShift);
  const anisotropy = anisotropyChance < probability ? normals(anisotropyAt[0], anisotropyAt[1])[0] : 0;
  const [shiftX, shiftY] = shiftChance < probability ? normals(shiftAt[0], shiftAt[1]) : [0, 0];
  return {
    mirror: mirrorCoin < 0.5 ? 1 : 0,
    upsideDown: flipChance < probability && flipCoin < 0.5 ? 1 : 0,
    scale: scaleChance < probability ? normals(scaleAt[0], scaleAt[1])[0] : 0,
    rotation: rotationChance < probability ? (2 * turn - 1) * Math.PI : 0,
    axis: axisChance < AXIS_PROBABILITY ? (2 * axisTurn - 1) * Math.PI : 0,
    anisotropy,
    shiftX,
    shiftY,
  };
}

/** The map from positions in the augmented image to positions in the original. */
export function edmSource(draw: EdmDraw, { width, height }: { width: number; height: number }): Affine {
  const scale = exact.pow(A_SCALE, draw.scale);
  const along = exact.pow(A_ANISO, draw.anisotropy);
  // A rotation and its inverse do not give exactly the identity, but unchanged images must stay exact.
  const anisotropic =
    draw.anisotropy === 0 ? [] : [rotation(-draw.axis), scaling(1 / along, along), rotation(draw.axis)];
  return product(
    scaling(draw.mirror === 1 ? -1 : 1, draw.upsideDown === 1 ? -1 : 1),
    scaling(1 / scale, 1 / scale),
    rotation(draw.rotation),
    ...anisotropic,
    translation(-draw.shiftX * A_TRANS * width, -draw.shiftY * A_TRANS * height),
  );
}

/** The augmentation condition of an image, 9 values; all 0 without augmentation. */
export function edmCondition(draw: EdmDraw): readonly number[] {
  const { mirror, upsideDown, scale, rotation: turn, axis, anisotropy, shiftX, shiftY } = draw;
  return [
    mirror,
    upsideDown,
    scale,
    exact.cos(turn) - 1,
    exact.sin(turn),
    anisotropy * exact.cos(axis),
    anisotropy * exact.sin(axis),
    shiftX,
    shiftY,
  ];
}
