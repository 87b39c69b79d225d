// The Hugging Face Hub: what the rest of the project uses of it.
export type { HubFile } from "./client.ts";
export type { Upload } from "./commit.ts";
export { fetchDataset, type HubDataset } from "./dataset.ts";
export { HubError, type HubReason } from "./errors.ts";
export { HUB_PREFIX, isHubName, isRepoId, parseHubName } from "./name.ts";
export { CARD, pushFiles } from "./push.ts";
export { type FetchProgress, fetchFiles, type HubRepo, listRepo } from "./repo.ts";
export { type HubOptions, hubSettings } from "./settings.ts";
