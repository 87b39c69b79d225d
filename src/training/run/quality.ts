// Measures how far a run's images are from its data during training: distances in the embedded features, which need no
// download. They rank steps and runs on one data set; they are neither FID nor KID and never called so.

import type { ImageSource } from "../../data/image_source.ts";
import { sourceImage } from "../../data/source_image.ts";
import type { Backend } from "../../engine/backend.ts";
import type { Pixels } from "../../io/image/index.ts";
import { FeatureExtractor } from "../../metrics/extractor.ts";
import type { Features } from "../../metrics/features.ts";
import { frechetDistance } from "../../metrics/frechet_distance.ts";
import { kernelDistance } from "../../metrics/kernel_distance.ts";
import { type Gaussian, gaussianOf } from "../../metrics/moments.ts";
import { patchNetwork, patchSideOf } from "../../metrics/patch_network.ts";
import type { Cooperation } from "../../platform/cooperative.ts";

/** Distances between the model's images and its data, in the features of `patchNetwork`. */
export interface Quality {
  /** Fréchet distance (Heusel et al. 2017): 0 for equal sets; biased upwards for few images. */
  readonly patchFd: number;
  /** Kernel distance (Bińkowski et al. 2018): about 0, also slightly below, for equal distributions. */
  readonly patchKd: number;
}

/** Largest number of the data's images in the comparison. */
const DATA_IMAGES = 10_000;
/** Number of images whose features are computed at once. */
const FEATURE_BATCH = 32;

/** Statistics of the data, computed once for all measurements. */
interface DataStatistics {
  readonly features: Features;
  readonly gaussian: Gaussian;
}

/** Measures the quality of a run's images. It computes nothing before its first use. */
export class QualityMeter {
  readonly #data: ImageSource;
  readonly #seed: number;
  readonly #extractor: FeatureExtractor;
  #reference: DataStatistics | undefined;

  /**
   * @param data at least 2 images; of more than `DATA_IMAGES`, that many evenly spaced ones, without augmentation
   * @param backend shared, stays open
   * @param seed for the subsets of the kernel distance
   */
  constructor(data: ImageSource, backend: Backend, seed: number) {
    this.#data = data;
    this.#seed = seed;
    this.#extractor = new FeatureExtractor(patchNetwork(patchSideOf(data.size)), backend, FEATURE_BATCH);
  }

  /** Whether the data's features are computed. */
  get isReady(): boolean {
    return this.#reference !== undefined;
  }

  /** Computes the data's features unless they exist. @throws the signal's reason when it is aborted */
  async prepare({ signal }: Pick<Cooperation, "signal"> = {}): Promise<DataStatistics> {
    if (this.#reference) return this.#reference;
    const data = this.#data;
    const stop = signal && { signal };
    const count = Math.min(data.count, DATA_IMAGES);
    const image = (k: number) => sourceImage(data, Math.floor((k * data.count) / count));
    const features = await this.#extractor.extract(count, image, stop);
    this.#reference = { features, gaussian: await gaussianOf(features, stop) };
    return this.#reference;
  }

  /**
   * Measures images.
   * @param images at least 2
   * @throws MetricError for fewer, the signal's reason when it is aborted
   */
  async measure(images: readonly Pixels[], { signal }: Pick<Cooperation, "signal"> = {}): Promise<Quality> {
    const stop = signal && { signal };
    const reference = await this.prepare(stop);
    const drawn = await this.#extractor.extract(images.length, (k) => images[k], stop);
    const kernel = await kernelDistance(reference.features, drawn, { seed: this.#seed, ...stop });
    return {
      patchFd: await frechetDistance(reference.gaussian, await gaussianOf(drawn, stop), stop),
      patchKd: kernel.mean,
    };
  }

  /** Frees the compiled network. */
  close(): void {
    this.#extractor.close();
  }
}
