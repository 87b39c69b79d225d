// Whether a model draws images of its own or repeats those it was trained on: how far each drawn image is from the nearest
// training image, over how far that one is from the training image next to it. A model that learnt the distribution draws
// images about as far from the data as the data's images are from each other; one that learnt by heart, far nearer
// (Carlini et al. 2023, "Extracting training data from diffusion models"; Yoon et al. 2023, "Diffusion probabilistic
// models generalize when they fail to memorize", whose third is the limit here).

import { type Cooperation, partOf } from "./cooperative.ts";
import type { Features } from "./features.ts";
import { nearest } from "./neighbours.ts";

/** An image nearer to a training image than this share of the usual distance is a copy of it. */
export const COPY_RATIO = 1 / 3;
/** Training images nearer to each other than this share of the median count as one picture that is there twice. */
const TWIN_RATIO = 0.1;
/** With this share of copies a model counts as one that learnt by heart. */
const MEMORISED_SHARE = 0.1;

/** Nearness in one space, of features or of pixels. */
export interface Nearness {
  /** By drawn image: the nearest training image. */
  readonly index: Int32Array;
  /** By drawn image: its distance over that of the training image to the nearest other one. */
  readonly ratio: Float64Array;
  /** Median of the ratios: about 1 where the model draws as the data is spread. */
  readonly medianRatio: number;
  /** That of the image nearest to the data. */
  readonly leastRatio: number;
}

/**
 * For each drawn image the nearest training image, and how much nearer it is than the data is to itself.
 * @param mirrored the drawn images mirrored, where training mirrors images: the nearer of the two counts
 * @throws MetricError for fewer than 2 training images
 */
export async function nearness(
  drawn: Features,
  training: Features,
  { mirrored, ...cooperation }: Cooperation & { readonly mirrored?: Features } = {},
): Promise<Nearness> {
  const parts = mirrored ? 4 : 3;
  const part = (done: number) => partOf(cooperation, done / parts, 1 / parts);
  const others = await nearest(training, training, { others: true, ...part(0) });
  const beyond = TWIN_RATIO * median(others.distance);
  const { distance: usual } = await nearest(training, training, { others: true, beyond, ...part(1) });
  const found = await nearest(drawn, training, part(2));
  if (mirrored) {
    const other = await nearest(mirrored, training, part(3));
    for (const [i, distance] of other.distance.entries()) {
      if (distance >= found.distance[i]) continue;
      found.distance[i] = distance;
      found.index[i] = other.index[i];
    }
  }
  const ratio = found.distance.map((distance, i) => ratioOf(distance, usual[found.index[i]]));
  return {
    index: found.index,
    ratio,
    medianRatio: median(ratio),
    leastRatio: ratio.reduce((a, b) => Math.min(a, b), Infinity),
  };
}

/** Where the training set is one picture over and over there is no usual distance, and only that picture is a copy. */
const ratioOf = (distance: number, usual: number): number =>
  distance === 0 ? 0 : usual === Infinity ? Number.MAX_VALUE : distance / usual;

/** Whether a model learnt its images by heart, has copies among what it draws, or none. */
export type Verdict = "memorised" | "some copies" | "no copies";

/** Whether a model repeats its training images: a verdict, how many copies, and which drawn images are nearest. */
export interface Memorisation {
  readonly verdict: Verdict;
  /** Drawn images that are copies in either space. */
  readonly copies: number;
  /** All drawn images, the nearest to the training images first. */
  readonly order: Int32Array;
}

/** What both spaces say together. */
export function judge(byFeatures: Nearness, byPixels: Nearness): Memorisation {
  const least = byFeatures.ratio.map((ratio, i) => Math.min(ratio, byPixels.ratio[i]));
  const copies = least.reduce((count, ratio) => count + Number(ratio < COPY_RATIO), 0);
  const share = copies / least.length;
  return {
    verdict: share >= MEMORISED_SHARE ? "memorised" : copies > 0 ? "some copies" : "no copies",
    copies,
    order: Int32Array.from(least.keys()).sort((a, b) => least[a] - least[b] || a - b),
  };
}

/** The middle value, the mean of two. */
function median(values: Float64Array): number {
  const sorted = values.toSorted();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
