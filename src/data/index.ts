// The entry imago/data of the package.

/**
 * Numbered images of one size, from folders, archives and tables or drawn by code, and training batches of them. What is
 * read, and how: [data.md](../../docs/data.md).
 * @module imago/data
 */

export type { Cooperation } from "../platform/cooperative.ts";
export type { ColorChange } from "./augment/color.ts";
export type { AugmentDraw } from "./augment/draw.ts";
export { CONDITION_SIZE, type EdmDraw } from "./augment/edm.ts";
export { AUGMENT_LIMITS, AUGMENT_OPTIONS, type AugmentOptions, NO_AUGMENTATION } from "./augment/options.ts";
export { type Batch, BatchSampler, type BatchSamplerOptions, fillBatch, fillConditions } from "./batches.ts";
export { type CatalogEntry, type CatalogSummary, ImageCatalog } from "./catalog/catalog.ts";
export type { OriginalSize, OriginalsSummary } from "./catalog/originals.ts";
export {
  CatalogReading,
  type NearSummary,
  type ReadImages,
  type ReadingStage,
  type ReadingStatus,
} from "./catalog/reading.ts";
export { DataError } from "./errors.ts";
export { type FolderOptions, type FolderSource, imageFolder } from "./folder.ts";
export type { ClassLabels, ImageSource } from "./image_source.ts";
export { type CacheEntry, clearImageCache, imageCacheFolder, listImageCache } from "./local/cache_folder.ts";
export type { BrokenImage, Originals } from "./local/decoded_set.ts";
export type { SourceSelection } from "./local/encoded.ts";
export type { FormOptions } from "./local/form.ts";
export type { ImageFiles } from "./local/open.ts";
export type { LocalImages, LocalOptions } from "./local/source.ts";
export { JUDGED_BY, type NearDuplicates, type NearPair, nearDuplicates } from "./near_duplicates.ts";
export { type OpenImagesOptions, openImageFiles, openImages } from "./open_images.ts";
export { drawButterfly, type SyntheticOptions, synthetic } from "./synthetic/index.ts";
