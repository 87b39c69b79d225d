// index.ts: the Hugging Face Hub, as the rest of the house sees it.
export type { HubFile, HubKind, Upload } from "./client.ts";
export { type DatasetKind, type DatasetOptions, fetchDataset, type HubDataset } from "./dataset.ts";
export { HubError, type HubReason } from "./errors.ts";
export { HUB_PREFIX, type HubName, isHubName, isRepoId, parseHubName } from "./name.ts";
export { CARD, type Pushed, type PushOptions, pushFiles } from "./push.ts";
export {
  type FetchOptions,
  type FetchProgress,
  fetchFiles,
  type HubRepo,
  type ListOptions,
  listRepo,
} from "./repo.ts";
export { type HubOptions, type HubSettings, hubSettings } from "./settings.ts";
