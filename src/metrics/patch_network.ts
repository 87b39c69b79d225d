// Features that need no download: responses of fixed random filters at four scales, and colours. Random convolutional
// features distinguish textures and shapes well enough to rank models of one data set (Saxe et al. 2011, "On random
// weights and unsupervised feature learning"; Bruna & Mallat 2013, "Invariant scattering convolution networks", for
// the second layer over magnitudes). They know nothing of an image's content, so numbers from them are not FID or KID
// and have other names.

import type { Backend } from "../engine/backend.ts";
import * as exact from "../engine/math/index.ts";
import { philoxNormal } from "../engine/random/philox.ts";
import { concat, constant, type Tensor } from "../engine/tensor.ts";
import type { RgbImage } from "../io/image/index.ts";
import { averagePool2x2 } from "../nn/downsample_2d.ts";
import type { FeatureNetwork } from "./extractor.ts";
import { resizeFloat } from "./resize.ts";

/** Part of the name; increased whenever the numbers change. */
const EDITION = 1;
const SIZE = 64;
const SEED = 0x1_3a60;
/** Random filters over colours, at each scale, and over the magnitudes of their responses. */
const FIRST = { size: 5, count: 20 };
const SECOND = { size: 3, count: 48 };
/** Weights of the responses, from 64 pixels down to 8, so that neither they nor colours outweigh the others. */
const GAINS = [4, 2, 1.5, 1] as const;
const SECOND_GAIN = 3;

/** The embedded feature network: 512 features per image. */
export function patchNetwork(): FeatureNetwork {
  const dims = 4 * 4 * 3 + GAINS.length * 4 * FIRST.count + (GAINS.length - 1) * SECOND.count;
  return {
    name: `imago-patch-${EDITION}`,
    distances: { frechet: "patch FD", kernel: "patch KD" },
    dims,
    size: SIZE,
    resize: `bicubic in float, with antialiasing, to ${SIZE} x ${SIZE}`,
    weights: "embedded random filters",
    prepare: (image: RgbImage) => resizeFloat(image, SIZE, "bicubic").map((x) => x / 127.5 - 1),
    forward,
    upload: (_: Backend) => {},
  };
}

/** [N, 64, 64, 3] -> [N, 512]. */
function forward(x: Tensor): Tensor {
  const parts = [means(x, 4)];
  let image = x;
  for (const [level, gain] of GAINS.entries()) {
    if (level > 0) image = averagePool2x2(image);
    const edges = response(image, FIRST, 2 * level).mul(gain); // [N, h, w, 20]
    parts.push(means(edges, 2));
    if (level < GAINS.length - 1) {
      parts.push(means(response(edges, SECOND, 2 * level + 1).mul(SECOND_GAIN), 1));
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
