// "#platform" in a browser: pages and their workers.

export { archives } from "./archives.ts";
export { compression } from "./compression.ts";
export { files } from "./files.ts";
export { foreign } from "./foreign.ts";
export { gpus } from "./gpus.ts";
export { hashing } from "./hashing.ts";
export { images } from "./images.ts";
export { machine } from "./machine.ts";
export { nativeCode } from "./native_code.ts";
export { paths } from "./paths.ts";
export { processes } from "./processes.ts";
export { tables } from "./tables.ts";
export { threads } from "./threads.ts";
export { timing } from "./timing.ts";
