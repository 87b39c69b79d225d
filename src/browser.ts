// What a page imports: all of Imago in one file.

export * from "./data/index.ts";
export * from "./engine/index.ts";
export * from "./index.ts";
export * from "./metrics/index.ts";
export * from "./nn/index.ts";
export * from "./schedulers/index.ts";
