// Non-leaky augmentation (Karras et al. 2022, "Elucidating the design space of diffusion-based generative models",
// arXiv 2206.00364, appendix F.2 and table 6; the order and the shares are those of the code that was released with it).
// The model is told what was done to each image, so that it can tell augmented images from those of the data set, and
// draws only the latter when it is told that nothing was done.
import { type ItemRandom, normals, STREAM } from "../item_random.ts";
import { type Affine, product, rotation, scaling, translation } from "./affine.ts";

/** The parameters of one image, as the paper numbers them; 0 where nothing is done. */
export interface EdmDraw {
  /** a0: 1 where it is mirrored left to right: half of the images, whatever the probability. */
  readonly mirror: 0 | 1;
  /** a1: 1 where it is turned upside down. */
  readonly upsideDown: 0 | 1;
  /** a2, standard normal: enlarged by A_scale to this power. */
  readonly scale: number;
  /** a3: turned by this many radians, -π to π. */
  readonly rotation: number;
  /** a4, radians: the axis of a5. In half of the images 0. */
  readonly axis: number;
  /** a5, standard normal: enlarged along the axis and shrunk across it, by A_aniso to this power. */
  readonly anisotropy: number;
  /** a6, a7, standard normal: shifted by A_trans of width and height. */
  readonly shiftX: number;
  readonly shiftY: number;
}

/** Numbers that tell the model of one image's parameters. */
export const CONDITION_SIZE = 9;

const A_SCALE = 2 ** 0.2;
const A_ANISO = 2 ** 0.2;
const A_TRANS = 1 / 8;
const AXIS_PROBABILITY = 0.5;

/** Draws the parameters of an image in an epoch; each kind of transformation is done with `probability`. */
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

/** Where in the image each place of the augmented one comes from. */
export function edmSource(draw: EdmDraw, { width, height }: { width: number; height: number }): Affine {
  const scale = A_SCALE ** draw.scale;
  const along = A_ANISO ** draw.anisotropy;
  // A turn there and back is not exactly none, and images that nothing is done to shall stay as they are.
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

/** What the model is told: all 0 where nothing was done. */
export function edmCondition(draw: EdmDraw): readonly number[] {
  const { mirror, upsideDown, scale, rotation: turn, axis, anisotropy, shiftX, shiftY } = draw;
  return [
    mirror,
    upsideDown,
    scale,
    Math.cos(turn) - 1,
    Math.sin(turn),
    anisotropy * Math.cos(axis),
    anisotropy * Math.sin(axis),
    shiftX,
    shiftY,
  ];
}
