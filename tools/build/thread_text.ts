// Puts the modules of threads into a bundle as text: a bundle of one file, which other bundlers may take into theirs, then
// finds it wherever it lies.

import { build, type Rolldown } from "tsdown";

/** Where modules say what a thread runs, each as a constant, and the entry of the thread. */
const THREADS = [
  {
    module: /[/\\]backends[/\\]cpu[/\\]thread_module\.ts$/,
    name: "threadModule",
    entry: "src/engine/backends/cpu/worker.ts",
  },
  {
    module: /[/\\]distributed[/\\]mpi[/\\]worker_module\.ts$/,
    name: "mpiModule",
    entry: "src/distributed/mpi/worker.ts",
  },
  {
    module: /[/\\]browser[/\\]files[/\\]in_place_module\.ts$/,
    name: "inPlaceModule",
    entry: "src/platform/browser/files/in_place_worker.ts",
  },
];

/** @param platform where the threads run */
export function threadText(platform: "browser" | "node"): Rolldown.Plugin {
  const texts = new Map<string, Promise<string>>();
  return {
    name: "thread-text",
    async load(id) {
      const thread = THREADS.find(({ module }) => module.test(id));
      if (thread === undefined) return null;
      const text = texts.get(id) ?? bundleThread(platform, thread.entry);
      texts.set(id, text);
      return `export const ${thread.name} = ${JSON.stringify(await text)};`;
    },
  };
}

async function bundleThread(platform: "browser" | "node", entry: string): Promise<string> {
  const bundles = await build({
    config: false,
    entry: { worker: entry },
    platform,
    // A script: blobs and strings are not modules everywhere.
    format: platform === "browser" ? "iife" : "cjs",
    minify: true,
    write: false,
    // Or it empties the folder of the bundle that it is for.
    clean: false,
    dts: false,
    logLevel: "silent",
  });
  const [chunk] = bundles.flatMap((bundle) => bundle.chunks).filter((chunk) => chunk.type === "chunk");
  if (chunk === undefined) throw new Error(`no bundle of ${entry}`);
  return chunk.code;
}
