// imago/data: numbered images of one size, and training batches.

export type { AugmentDraw } from "./augment/draw.ts";
export { CONDITION_SIZE } from "./augment/edm.ts";
export { type AugmentOptions, NO_AUGMENTATION } from "./augment/options.ts";
export { type Batch, BatchSampler, type BatchSamplerOptions, fillBatch, fillConditions } from "./batches.ts";
export { DataError } from "./errors.ts";
export { type FolderOptions, type FolderSource, imageFolder } from "./folder.ts";
export type { ClassLabels, ImageSource } from "./image_source.ts";
export { type CacheEntry, clearImageCache, imageCacheFolder, listImageCache } from "./local/cache_folder.ts";
export type { BrokenImage, Originals } from "./local/decoded_set.ts";
export type { SourceSelection } from "./local/encoded.ts";
export type { ImageFiles } from "./local/open.ts";
export type { LocalImages, LocalOptions } from "./local/source.ts";
export { JUDGED_BY, type NearDuplicates, type NearPair, nearDuplicates } from "./near_duplicates.ts";
export { type OpenImagesOptions, openImageFiles, openImages } from "./open_images.ts";
export { drawButterfly, type SyntheticOptions, synthetic } from "./synthetic/index.ts";
