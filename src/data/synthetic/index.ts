// The embedded data set: butterflies drawn by code, at any size, each different and always the same. Image i depends
// only on i (and is sampled at the requested size), so nothing is stored or downloaded.
import { type Channels, type Extent, fitted, isChannels } from "../../io/image/index.ts";
import { DataError } from "../errors.ts";
import type { ClassLabels, ImageSource } from "../image_source.ts";
import { apollo, birdwing, cattleheart } from "./families/birdwings.ts";
import { admiral, fritillary, longwing, monarch, morpho, peacock } from "./families/brushfoots.ts";
import { bluebottle, emerald, jay, kite, mormon, tiger } from "./families/swallowtails.ts";
import { azure, jezebel, orangeTip, sulphur } from "./families/whites.ts";
import { Draw } from "./random.ts";
import { type Pose, render } from "./render.ts";
import type { Specimen } from "./specimen.ts";

/** Raise this whenever a drawn image changes, so that fingerprints distinguish old pictures from new ones. */
const EDITION = 2;

/** The gray of a black ground. */
const BLACK = 0;

type Family = (draw: Draw) => Specimen;

/** By name, in the initial order of the shuffles of `familiesOf`. */
const FAMILIES: readonly (readonly [name: string, family: Family])[] = Object.entries({
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
  "orange-tip": orangeTip,
  jezebel,
  azure,
});

/** Number and size of the butterflies. */
export interface SyntheticOptions {
  /** Number of butterflies, 1..1,000,000; default 1000. */
  readonly count?: number;
  /** Height and width, or the side of squares, in pixels, 8..2048; the butterfly is in the central square. */
  readonly size: number | Extent;
  /** 1 for gray, 3 for RGB, 4 for RGB and alpha, without a ground. Default 3. */
  readonly channels?: Channels;
  /** Whether to mirror images at random in training; default false, as every butterfly is its own mirror image. */
  readonly flip?: boolean;
}

/**
 * Butterflies on white, [height, width, channels] each, drawn on first access and kept; their families are the classes.
 * @throws DataError if the count, the size or the number of channels is out of range
 */
export function synthetic({ count = 1000, size, channels = 3, flip = false }: SyntheticOptions): ImageSource {
  if (!Number.isInteger(count) || count < 1 || count > 1_000_000) {
    throw new DataError(`synthetic: count is ${count}; give a whole number from 1 to 1000000`);
  }
  const { width, height } = typeof size === "number" ? { width: size, height: size } : size;
  for (const side of [width, height]) {
    if (Number.isInteger(side) && side >= 8 && side <= 2048) continue;
    throw new DataError(`synthetic: size is ${side}; give a whole number of pixels from 8 to 2048`);
  }
  if (!isChannels(channels)) {
    throw new DataError(`synthetic: channels is ${JSON.stringify(channels)}; give 1, 3 or 4`);
  }
  const drawn: (Uint8Array | undefined)[] = new Array(count);
  return {
    name: "synthetic",
    count,
    size: { height, width },
    channels,
    flip,
    labels: familyLabels(count),
    image(index) {
      if (!Number.isInteger(index) || index < 0 || index >= count) {
        throw new RangeError(`synthetic: there is no image ${index}; images are 0..${count - 1}`);
      }
      drawn[index] ??= framed(index, { width, height }, channels);
      return drawn[index];
    },
    fingerprint: () => {
      const isFirst = width === height && channels === 3;
      return `synthetic-${EDITION}-${count}-${isFirst ? width : `${width}x${height}-${channels}`}`;
    },
  };
}

/** Butterfly `index` in the central square of a frame. */
function framed(index: number, size: Extent, channels: Channels): Uint8Array {
  const side = Math.min(size.width, size.height);
  const onWhite = drawButterfly(index, side);
  const drawn = channels === 4 ? withAlpha(onWhite, drawButterfly(index, side, BLACK)) : onWhite;
  const square = { data: drawn, width: side, height: side, channels: channels === 4 ? 4 : 3 } as const;
  return fitted(square, { size, channels, fit: "pad", ground: null }).data;
}

/**
 * What is drawn without its ground, from two pictures on white and on black: a pixel's difference is what of the ground
 * is seen.
 */
function withAlpha(onWhite: Uint8Array, onBlack: Uint8Array): Uint8Array {
  const out = new Uint8Array((onWhite.length / 3) * 4);
  for (let from = 0, to = 0; from < onWhite.length; from += 3, to += 4) {
    const seen = [0, 1, 2].reduce((sum, c) => sum + onWhite[from + c] - onBlack[from + c], 0) / 3;
    const alpha = Math.round(255 - seen);
    out[to + 3] = alpha;
    if (alpha === 0) continue;
    for (let c = 0; c < 3; c++) out[to + c] = Math.min(255, Math.round((onBlack[from + c] * 255) / alpha));
  }
  return out;
}

/** Draws butterfly `index` at the given size, on white or another gray from 0 to 1. Returns RGB bytes, [size, size, 3]. */
export function drawButterfly(index: number, size: number, ground = 1): Uint8Array {
  const draw = new Draw(index + 1);
  const specimen = specimenOf(index, draw);
  const pose: Pose = { fill: 0.955 + 0.03 * draw.bell(), drop: 0.008 * draw.bell() };
  return render(specimen, pose, size, ground);
}

/** The traits of butterfly `index`. */
export function specimenOf(index: number, draw = new Draw(index + 1)): Specimen {
  const [, family] = familiesOf(Math.floor(index / FAMILIES.length))[index % FAMILIES.length];
  return family(draw);
}

/** The order of the families in one run of as many images: a different permutation for each run. */
function familiesOf(run: number): typeof FAMILIES {
  const draw = new Draw(0x5eed_0000 + run);
  const order = [...FAMILIES];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(draw.unit() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** The family of each of the first `count` butterflies. */
function familyLabels(count: number): ClassLabels {
  const names = FAMILIES.map(([name]) => name).sort();
  const of = new Int32Array(count);
  for (let first = 0; first < count; first += FAMILIES.length) {
    for (const [i, [name]] of familiesOf(first / FAMILIES.length).entries()) {
      if (first + i < count) of[first + i] = names.indexOf(name);
    }
  }
  return { names, of };
}
