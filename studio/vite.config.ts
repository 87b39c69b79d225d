// Builds the studio's page: dist/studio, which imago studio serves.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { threadText } from "../tools/build/thread_text.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: at("."),
  // It works below any path.
  base: "./",
  resolve: {
    alias: {
      "imago/browser": at("../src/browser.ts"),
      imago: at("../src/index.ts"),
      "#platform/thread": at("../src/platform/browser/thread.ts"),
      "#platform": at("../src/platform/browser/index.ts"),
    },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [threadText("browser")],
  worker: { format: "es", plugins: () => [threadText("browser")] },
  build: {
    outDir: at("../dist/studio"),
    emptyOutDir: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: at("index.html"), isolation: at("isolation/worker.ts") },
      output: {
        // A service worker has a lasting name, and the folder where it lies as its scope.
        entryFileNames: ({ name }) => (name === "isolation" ? "[name].js" : "assets/[name]-[hash].js"),
      },
      treeshake: {
        moduleSideEffects: [{ test: /[/\\](?:hyparquet-compressors|@huggingface)[/\\]/, sideEffects: false }],
      },
    },
  },
});
