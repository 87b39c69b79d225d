import { defineConfig } from "tsdown";
import { threadText } from "./tools/build/thread_text.ts";

// What is published: the library and its rooms, and the command.
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
  },
  format: "esm",
  platform: "node",
  target: "node20.19",
  plugins: [threadText("node")],
  dts: { entry: Object.values(library) },
  fixedExtension: false,
  clean: true,
});
