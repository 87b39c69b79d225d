/**
 * The embedded data set: butterflies drawn by code, each different, always the same, at any size.
 * Image i depends on i alone (and is sampled at the size asked for), so nothing needs to be stored or fetched.
 */
import { DataError } from "../errors.ts";
import type { ImageSource } from "../image_source.ts";
import { apollo, birdwing, cattleheart } from "./families/birdwings.ts";
import { admiral, fritillary, longwing, monarch, morpho, peacock } from "./families/brushfoots.ts";
import { bluebottle, emerald, jay, kite, mormon, tiger } from "./families/swallowtails.ts";
import { azure, jezebel, orangeTip, sulphur } from "./families/whites.ts";
import { Draw } from "./random.ts";
import { type Pose, render } from "./render.ts";
import type { Specimen } from "./specimen.ts";

/** Raised whenever a drawn image changes, so that a data fingerprint tells old pictures from new. */
const EDITION = 1;

const FAMILIES: readonly ((draw: Draw) => Specimen)[] = [
  tiger,
  kite,
  bluebottle,
  jay,
  mormon,
  emerald,
  birdwing,
  apollo,
  cattleheart,
  monarch,
  morpho,
  peacock,
  admiral,
  longwing,
  fritillary,
  sulphur,
  orangeTip,
  jezebel,
  azure,
];

export interface SyntheticOptions {
  /** Number of butterflies, 1..1,000,000; default 1000. */
  readonly count?: number;
  /** Height and width in pixels, 8..2048. */
  readonly size: number;
  /** Whether to mirror images at random in training; default false, as every butterfly is its own mirror image. */
  readonly flip?: boolean;
}

/**
 * Butterflies on white, [size, size, 3] each, drawn when first asked for and kept.
 * @throws DataError if the count or the size is out of range.
 */
export function synthetic({ count = 1000, size, flip = false }: SyntheticOptions): ImageSource {
  if (!Number.isInteger(count) || count < 1 || count > 1_000_000) {
    throw new DataError(`synthetic: count is ${count}; give a whole number from 1 to 1000000`);
  }
  if (!Number.isInteger(size) || size < 8 || size > 2048) {
    throw new DataError(`synthetic: size is ${size}; give a whole number of pixels from 8 to 2048`);
  }
  const drawn: (Uint8Array | undefined)[] = new Array(count);
  return {
    name: "synthetic",
    count,
    size: { height: size, width: size },
    channels: 3,
    flip,
    image(index) {
      if (!Number.isInteger(index) || index < 0 || index >= count) {
        throw new RangeError(`synthetic: there is no image ${index}; images are 0..${count - 1}`);
      }
      drawn[index] ??= drawButterfly(index, size);
      return drawn[index];
    },
    fingerprint: () => `synthetic-${EDITION}-${count}-${size}`,
  };
}

/** Draws butterfly `index` at the given size; returns RGB bytes, [size, size, 3]. */
export function drawButterfly(index: number, size: number): Uint8Array {
  const draw = new Draw(index + 1);
  const specimen = familyOf(index)(draw);
  const pose: Pose = { fill: 0.955 + 0.03 * draw.bell(), drop: 0.008 * draw.bell() };
  return render(specimen, pose, size);
}

/** Every family once in each run of as many images, in an order of its own for each run. */
function familyOf(index: number): (draw: Draw) => Specimen {
  const run = Math.floor(index / FAMILIES.length);
  const draw = new Draw(0x5eed_0000 + run);
  const order = [...FAMILIES];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(draw.unit() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order[index % order.length]!;
}
