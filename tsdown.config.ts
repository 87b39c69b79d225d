import { defineConfig } from "tsdown";

// What is published: the library, the command, and the worker that threads run, which must stay a file of its own.
export default defineConfig({
  entry: {
    index: "src/index.ts",
    "cli/main": "src/cli/main.ts",
    worker: "src/engine/backends/cpu/worker.ts",
  },
  format: "esm",
  platform: "node",
  target: "node20.19",
  dts: { entry: "src/index.ts" },
  fixedExtension: false,
  clean: true,
});
