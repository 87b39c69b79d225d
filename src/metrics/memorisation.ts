// Whether a model draws new images or repeats its training images: the distance of each drawn image to the nearest
// training image, over that one's distance to its own nearest neighbour in the training set. A model that learnt the
// distribution draws images about as far from the data as the data's images are from each other; one that memorised
// draws far nearer ones (Carlini et al. 2023, "Extracting training data from diffusion models"; Yoon et al. 2023,
// "Diffusion probabilistic models generalize when they fail to memorize", whose threshold of one third is used here).

import { type Cooperation, partOf } from "../platform/cooperative.ts";
import type { Features } from "./features.ts";
import { nearest } from "./neighbours.ts";

/** An image with a smaller ratio than this is a copy. */
export const COPY_RATIO = 1 / 3;
/** Training images nearer to each other than this share of the median are duplicates of one picture. */
const TWIN_RATIO = 0.1;
/** A model with this share of copies has memorised. */
const MEMORISED_SHARE = 0.1;

/** Nearness in one space, of features or of pixels. */
export interface Nearness {
  /** For each drawn image: the nearest training image. */
  readonly index: Int32Array;
  /** For each drawn image: its distance, over that from the training image to its own nearest neighbour. */
  readonly ratio: Float64Array;
  /** Median of the ratios: about 1 if drawn images are spread like the data. */
  readonly medianRatio: number;
  /** The smallest ratio. */
  readonly leastRatio: number;
}

/**
 * The nearest training image of each drawn image, and how near it is compared with the data's own distances.
 * @param mirrored the drawn images mirrored, if training mirrors images: the nearer of the two counts
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

/** If all training images are one picture, there is no usual distance, and only an exact repeat is a copy. */
const ratioOf = (distance: number, usual: number): number =>
  distance === 0 ? 0 : usual === Infinity ? Number.MAX_VALUE : distance / usual;

/** Whether a model memorised its images, draws some copies, or none. */
export type Verdict = "memorised" | "some copies" | "no copies";

/** Whether a model repeats its training images: a verdict, how many copies, and which drawn images are nearest. */
export interface Memorisation {
  /** The conclusion from the numbers below. */
  readonly verdict: Verdict;
  /** Drawn images that are copies in feature or pixel space. */
  readonly copies: number;
  /** All drawn images, those nearest to the training images first. */
  readonly order: Int32Array;
}

/** Combines the results of both spaces. */
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

/** The median; the mean of the middle two for an even count. */
function median(values: Float64Array): number {
  const sorted = values.toSorted();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
