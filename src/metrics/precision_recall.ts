// Fidelity and variety, measured separately. A set of images covers the balls around its images that reach to their
// k-th nearest other image.
// Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative models";
// Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models" (density and coverage).

import { type Cooperation, partOf } from "../platform/cooperative.ts";
import { checkComparable, type Features } from "./features.ts";
import { forEachDistances, neighbourRadii } from "./neighbours.ts";

/** How much of the drawn images is near the data, and the reverse. */
export interface PrecisionRecall {
  /** Share of generated images inside a ball of a real one: how many look real. 0 to 1. */
  readonly precision: number;
  /** Share of real images inside a ball of a generated one: how much of the data is drawn. 0 to 1. */
  readonly recall: number;
  /** Number of real images' balls that contain a generated image, over k; 1 is expected of real images. */
  readonly density: number;
  /** Share of real images whose ball contains a generated one. 0 to 1. */
  readonly coverage: number;
  /** Number of neighbours. */
  readonly k: number;
}

/**
 * Improved precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991), density and coverage (Naeem et al.
 * 2020, arXiv 2002.09797) of drawn features against the data's.
 * @throws MetricError for k images or fewer, or features of different dimensions
 */
export async function precisionRecall(
  real: Features,
  generated: Features,
  { k = 3, ...cooperation }: Cooperation & { readonly k?: number } = {},
): Promise<PrecisionRecall> {
  checkComparable(real, generated, k + 1);
  const part = (third: number) => partOf(cooperation, third / 3, 1 / 3);
  const ofReal = await neighbourRadii(real, k, part(0));
  const ofGenerated = await neighbourRadii(generated, k, part(1));
  const drawn = new Uint8Array(generated.count);
  let recalled = 0;
  let covered = 0;
  let balls = 0;
  await forEachDistances(
    real,
    generated,
    (i, squared) => {
      let within = 0;
      let isRecalled = false;
      for (let j = 0; j < squared.length; j++) {
        if (squared[j] <= ofReal[i]) {
          within++;
          drawn[j] = 1;
        }
        isRecalled ||= squared[j] <= ofGenerated[j];
      }
      balls += within;
      if (within > 0) covered++;
      if (isRecalled) recalled++;
    },
    part(2),
  );
  return {
    precision: drawn.reduce((sum, one) => sum + one, 0) / generated.count,
    recall: recalled / real.count,
    density: balls / (k * generated.count),
    coverage: covered / real.count,
    k,
  };
}
