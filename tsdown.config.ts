import { defineConfig } from "tsdown";

// What is published: the library and its rooms, the command, and the worker that threads run, which must stay a file of
// its own.
const library = {
  index: "src/index.ts",
  engine: "src/engine/index.ts",
  nn: "src/nn/index.ts",
  schedulers: "src/schedulers/index.ts",
  data: "src/data/index.ts",
  metrics: "src/metrics/index.ts",
};

export default defineConfig({
  entry: {
    ...library,
    "cli/main": "src/cli/main.ts",
    worker: "src/engine/backends/cpu/worker.ts",
  },
  format: "esm",
  platform: "node",
  target: "node20.19",
  dts: { entry: Object.values(library) },
  fixedExtension: false,
  clean: true,
});
