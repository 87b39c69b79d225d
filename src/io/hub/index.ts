// The Hugging Face Hub: what the rest of the project uses of it.

export type { HubFile, HubKind } from "./client.ts";
export type { Upload } from "./commit.ts";
export { type DatasetKind, type DatasetOptions, fetchDataset, type HubDataset } from "./dataset.ts";
export { HubError, type HubReason } from "./errors.ts";
export { HUB_PREFIX, type HubName, isHubName, isRepoId, parseHubName } from "./name.ts";
export { CARD, pushFiles } from "./push.ts";
export {
  type FetchOptions,
  type FetchProgress,
  fetchFiles,
  type HubRepo,
  type ListOptions,
  listRepo,
} from "./repo.ts";
export { type Environment, type HubOptions, type HubSettings, hubSettings } from "./settings.ts";
export { fetchHubWeights, type HubWeightsOptions } from "./weights.ts";
