// imago in a browser: what "imago" is to pages, and what browsers have beside it.

export * as engine from "./engine/index.ts";
export * from "./index.ts";
export * as nn from "./nn/index.ts";
export { type MountSource, mountFiles, unmountFiles } from "./platform/browser/files/mounts.ts";
export { getFile, listFiles, removeFiles } from "./platform/browser/storage.ts";
