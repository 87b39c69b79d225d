// The entry imago/browser of the package.

/**
 * What only browsers have, beside all of `imago` (and `engine` and `nn`, which are `imago/engine` and `imago/nn`): files
 * that the user chose, and the page's own file system. What runs where: [browser.md](../docs/browser.md).
 * @module imago/browser
 */

export * as engine from "./engine/index.ts";
export * from "./index.ts";
export * as nn from "./nn/index.ts";
export {
  type MountSource,
  mountFiles,
  type PlacedFile,
  unmountFiles,
} from "./platform/browser/files/mounts.ts";
export { getFile, listFiles, removeFiles } from "./platform/browser/storage.ts";
export type { FolderEntry } from "./platform/platform.ts";
