// The library bundled as for a browser, with a platform whose functions all fail: it contains nothing of Node.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "tsdown";
import { afterAll, beforeAll, expect, test } from "vitest";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const nowhere = path("nowhere.ts");
const folder = mkdtempSync(join(tmpdir(), "imago-bundle-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the bundle imports that is not in it. */
let imported: string[];
beforeAll(async () => {
  const bundles = await build({
    config: false,
    cwd: path("../.."),
    entry: { index: "src/index.ts", worker: "src/engine/backends/cpu/worker.ts" },
    platform: "browser",
    format: "esm",
    alias: { "#platform/thread": nowhere, "#platform": nowhere },
    deps: { alwaysBundle: [/./], onlyBundle: false },
    outDir: folder,
    dts: false,
    logLevel: "silent",
  });
  const chunks = bundles.flatMap((bundle) => bundle.chunks).filter((chunk) => chunk.type === "chunk");
  const inside = new Set(chunks.map(({ fileName }) => fileName));
  imported = chunks
    .flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])
    .filter((name) => !inside.has(name));
});

test("a bundle of the library and of its threads imports nothing: no module of Node, and no file of the platform's", () => {
  expect(imported).toEqual([]);
});

test("the library loads, traces, differentiates and computes where nothing is Node's", async () => {
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
    for (const name of ["process", "Buffer", "setImmediate", "clearImmediate", "global"]) delete globalThis[name];
    import(${JSON.stringify(pathToFileURL(join(folder, "index.js")).href)})
      .then(async ({ createBackend, input, grad, DDPMScheduler }) => {
        const x = input([3]);
        const [dx] = grad(x.mul(x).sum(), [x]);
        const backend = await createBackend({ backend: "reference" });
        const program = await backend.compile({ name: "square", inputs: [x], outputs: [dx] });
        const [gradient] = await program.run([Float32Array.of(1, 2, 3)]);
        parentPort.postMessage([...gradient, new DDPMScheduler().config.numTrainTimesteps, typeof process]);
      })
      .catch((error) => parentPort.postMessage(String(error.stack)));`,
    { eval: true },
  );
  try {
    const answer = await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    expect(answer).toEqual([2, 4, 6, 1000, "undefined"]);
  } finally {
    await worker.terminate();
  }
});
