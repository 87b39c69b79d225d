// The Hugging Face Hub, as the rest of the house sees it.
export type { HubFile, Upload } from "./client.ts";
export { fetchDataset, type HubDataset } from "./dataset.ts";
export { HubError, type HubReason } from "./errors.ts";
export { HUB_PREFIX, isHubName, isRepoId, parseHubName } from "./name.ts";
export { CARD, pushFiles } from "./push.ts";
export { type FetchProgress, fetchFiles, type HubRepo, listRepo } from "./repo.ts";
export { type HubOptions, hubSettings } from "./settings.ts";
