import { defineConfig } from "tsdown";
import { browserFile, browserModules } from "./tools/build/browser_bundle.ts";
import { threadText } from "./tools/build/thread_text.ts";

const rooms = {
  engine: "src/engine/index.ts",
  nn: "src/nn/index.ts",
  schedulers: "src/schedulers/index.ts",
  data: "src/data/index.ts",
  metrics: "src/metrics/index.ts",
};
const library = { index: "src/index.ts", ...rooms };

// What is published: the library and its rooms for Node and for bundlers of pages, the command, and one file with
// everything for pages without a bundler.
export default defineConfig([
  {
    entry: { ...library, "cli/main": "src/cli/main.ts" },
    format: "esm",
    platform: "node",
    target: "node20.19",
    plugins: [threadText("node")],
    dts: { entry: Object.values(library) },
    fixedExtension: false,
    clean: true,
  },
  {
    ...browserModules({ index: "src/browser.ts", ...rooms }),
    outDir: "dist/browser",
    dts: { entry: "src/browser.ts", tsconfig: "tsconfig.portable.json" },
    clean: false,
  },
  {
    ...browserFile({ imago: "src/browser.ts" }),
    outDir: "dist/browser",
    minify: true,
    dts: false,
    clean: false,
  },
]);
