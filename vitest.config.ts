import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    // Files share two processes: each loads and warms up the code once.
    isolate: false,
    setupFiles: ["test/support/set_back.ts"],
    // Commands that are started as processes of their own find their code compiled.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/node", import.meta.url)) },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
