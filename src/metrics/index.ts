// The entry imago/metrics of the package.

/**
 * Distances between sets of images, their features, and the detection of copies. What the numbers mean, and how they are
 * computed: [quality.md](../../docs/quality.md).
 * @module imago/metrics
 */

export type { Cooperation } from "../platform/cooperative.ts";
export { type Comparison, compare } from "./comparison.ts";
export { MetricError } from "./errors.ts";
export { FeatureExtractor, type FeatureNetwork } from "./extractor.ts";
export { type Features, features } from "./features.ts";
export { frechetDistance } from "./frechet_distance.ts";
export { InceptionV3 } from "./inception/inception_v3.ts";
export { FID_PROTOCOLS, type FidProtocol, inceptionNetwork } from "./inception/network.ts";
export { readInception } from "./inception/weights.ts";
export { type KernelDistance, type KernelDistanceOptions, kernelDistance } from "./kernel_distance.ts";
export { judge, type Memorisation, type Nearness, nearness, type Verdict } from "./memorisation.ts";
export { type Gaussian, gaussianOf, Moments } from "./moments.ts";
export { patchNetwork } from "./patch_network.ts";
export { pixelFeatures } from "./pixels.ts";
export { type PrecisionRecall, precisionRecall } from "./precision_recall.ts";
