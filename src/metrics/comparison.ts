// All distances between two sets of images at once, and how they were computed.

import { type Cooperation, partOf } from "../platform/cooperative.ts";
import type { Features } from "./features.ts";
import { frechetDistance } from "./frechet_distance.ts";
import { type KernelDistance, kernelDistance } from "./kernel_distance.ts";
import { gaussianOf } from "./moments.ts";
import { type PrecisionRecall, precisionRecall } from "./precision_recall.ts";

/** With fewer images, Fréchet distances are biased upwards by more than models differ. */
export const FEW_IMAGES = 2048;

/** The distance of one set of images from another, by every number that their features allow. */
export interface Comparison {
  /** Heusel et al. 2017. */
  readonly frechet: number;
  /** Bińkowski et al. 2018. */
  readonly kernel: KernelDistance;
  /** Null if there are too few images. */
  readonly neighbours: PrecisionRecall | null;
}

/** Neighbours of Kynkäänniemi et al. 2019. */
const NEIGHBOURS = 3;

/**
 * Compares the features of drawn images with those of the data: Fréchet and kernel distance, precision and recall.
 * @param seed which images form each subset of the kernel distance
 * @throws MetricError for fewer than 2 images
 */
export async function compare(
  real: Features,
  generated: Features,
  { seed, ...cooperation }: Cooperation & { readonly seed: number },
): Promise<Comparison> {
  const part = (from: number, share: number) => partOf(cooperation, from, share);
  const ofReal = await gaussianOf(real, part(0, 0.15));
  const ofGenerated = await gaussianOf(generated, part(0.15, 0.15));
  const frechet = await frechetDistance(ofReal, ofGenerated, part(0.3, 0.3));
  const kernel = await kernelDistance(real, generated, { seed, ...part(0.6, 0.2) });
  const enough = Math.min(real.count, generated.count) > NEIGHBOURS;
  const neighbours = enough
    ? await precisionRecall(real, generated, { k: NEIGHBOURS, ...part(0.8, 0.2) })
    : null;
  return { frechet, kernel, neighbours };
}
