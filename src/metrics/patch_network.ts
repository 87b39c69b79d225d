// Features that need no download: responses of fixed random filters at four scales, and colours. Random convolutional
// features distinguish textures and shapes well enough to rank models of one data set (Saxe et al. 2011, "On random
// weights and unsupervised feature learning"; Bruna & Mallat 2013, "Invariant scattering convolution networks", for
// the second layer over magnitudes). They know nothing of an image's content, so numbers from them are not FID or KID
// and have other names.

import type { Backend } from "../engine/backend.ts";
import * as exact from "../engine/math/index.ts";
import { philoxNormal } from "../engine/random/philox.ts";
import { concat, constant, type Tensor } from "../engine/tensor.ts";
import type { Pixels } from "../io/image/index.ts";
import { averagePool2x2 } from "../nn/downsample_2d.ts";
import type { FeatureNetwork } from "./extractor.ts";
import { resizeFloat } from "./resize.ts";

/** Part of the name; increased whenever the numbers change. */
const EDITION = 1;
/** Sides of the input, in pixels. */
const SIDES = [64, 128, 256] as const;
/** The side of an input of the patch network. @useDeclaredType */
export type PatchSide = (typeof SIDES)[number];
const SEED = 0x1_3a60;
/** Random filters over colours, at each scale, and over the magnitudes of their responses. */
const FIRST = { size: 5, count: 20 };
const SECOND = { size: 3, count: 48 };
/** A scale of the image. */
interface Scale {
  /** Side of the image. */
  readonly pixels: number;
  /** Weight of the responses, so that neither they nor colours outweigh the others. */
  readonly gain: number;
  /** Chooses the random filters. */
  readonly site: number;
}
const SCALES: readonly Scale[] = [
  { pixels: 256, gain: 6, site: 10 },
  { pixels: 128, gain: 5, site: 8 },
  { pixels: 64, gain: 4, site: 0 },
  { pixels: 32, gain: 2, site: 2 },
  { pixels: 16, gain: 1.5, site: 4 },
  { pixels: 8, gain: 1, site: 6 },
];
const SECOND_GAIN = 3;

/** The side at which images of a size are compared: all their detail from 64 pixels up, to 256. */
export const patchSideOf = ({
  height,
  width,
}: {
  readonly height: number;
  readonly width: number;
}): PatchSide => SIDES.findLast((side) => side <= Math.max(height, width)) ?? SIDES[0];

/**
 * The embedded feature network: 512 features per image at a side of 64 pixels, 640 at 128, 768 at 256. Numbers of
 * different sides cannot be compared, so the name tells them apart.
 */
export function patchNetwork(side: PatchSide = 64): FeatureNetwork {
  const scales = SCALES.filter(({ pixels }) => pixels <= side);
  const dims = 4 * 4 * 3 + scales.length * 4 * FIRST.count + (scales.length - 1) * SECOND.count;
  return {
    name: side === 64 ? `imago-patch-${EDITION}` : `imago-patch-${EDITION}-${side}px`,
    distances: { frechet: "patch FD", kernel: "patch KD" },
    dims,
    size: side,
    resize: `bicubic in float, with antialiasing, to ${side} x ${side}`,
    weights: "embedded random filters",
    prepare: (image: Pixels) => resizeFloat(image, side, "bicubic").map((x) => x / 127.5 - 1),
    forward: (x) => forward(x, scales),
    upload: (_: Backend) => {},
  };
}

/** [N, side, side, 3] -> [N, dims]. */
function forward(x: Tensor, scales: readonly Scale[]): Tensor {
  const parts = [means(x, 4)];
  let image = x;
  for (const [level, { gain, site }] of scales.entries()) {
    if (level > 0) image = averagePool2x2(image);
    const edges = response(image, FIRST, site).mul(gain); // [N, h, w, 20]
    parts.push(means(edges, 2));
    if (level < scales.length - 1) {
      parts.push(means(response(edges, SECOND, site + 1).mul(SECOND_GAIN), 1));
    }
  }
  return concat(parts, 1);
}

/** Mean of each channel in each of cells x cells parts of the image: [N, H, W, C] -> [N, cells² C]. */
function means(x: Tensor, cells: number): Tensor {
  const [n, h, w, c] = x.shape;
  return x
    .reshape([n, cells, h / cells, cells, w / cells, c])
    .mean([2, 4])
    .reshape([n, cells * cells * c]);
}

/** Magnitudes of the responses to random filters of norm 1 that ignore a channel's mean; no padding. */
function response(x: Tensor, { size, count }: { size: number; count: number }, site: number): Tensor {
  const [, , , channels] = x.shape;
  const shape = [size, size, channels, count];
  const filter = constant(randomFilters(size * size, channels, count, site), shape);
  return x.conv2d(filter, { stride: [1, 1], padding: [0, 0, 0, 0] }).abs();
}

/** [taps, channels, count] */
function randomFilters(taps: number, channels: number, count: number, site: number): Float32Array {
  const drawn = new Float64Array(taps * channels * count);
  philoxNormal(drawn, { seed: SEED, step: EDITION, site });
  const at = (tap: number, channel: number, filter: number) => (tap * channels + channel) * count + filter;
  for (let filter = 0; filter < count; filter++) {
    let squares = 0;
    for (let channel = 0; channel < channels; channel++) {
      let mean = 0;
      for (let tap = 0; tap < taps; tap++) mean += drawn[at(tap, channel, filter)] / taps;
      for (let tap = 0; tap < taps; tap++) {
        drawn[at(tap, channel, filter)] -= mean;
        squares += exact.square(drawn[at(tap, channel, filter)]);
      }
    }
    const norm = Math.sqrt(squares);
    for (let channel = 0; channel < channels; channel++) {
      for (let tap = 0; tap < taps; tap++) drawn[at(tap, channel, filter)] /= norm;
    }
  }
  return Float32Array.from(drawn);
}
