// Puts the threads' module into a bundle as text: a bundle of one file, which other bundlers may take into theirs, then
// finds it wherever it lies.

import { build, type Rolldown } from "tsdown";

const ENTRY = "src/engine/backends/cpu/worker.ts";

/** @param platform where the threads run */
export function threadText(platform: "browser" | "node"): Rolldown.Plugin {
  let text: Promise<string> | undefined;
  return {
    name: "thread-text",
    async load(id) {
      if (!/[/\\]cpu[/\\]thread_module\.ts$/.test(id)) return null;
      text ??= bundleThread(platform);
      return `export const threadModule = ${JSON.stringify(await text)};`;
    },
  };
}

async function bundleThread(platform: "browser" | "node"): Promise<string> {
  const bundles = await build({
    config: false,
    entry: { worker: ENTRY },
    platform,
    // A script: blobs and strings are not modules everywhere.
    format: platform === "browser" ? "iife" : "cjs",
    minify: true,
    write: false,
    dts: false,
    logLevel: "silent",
  });
  const [chunk] = bundles.flatMap((bundle) => bundle.chunks).filter((chunk) => chunk.type === "chunk");
  if (chunk === undefined) throw new Error(`no bundle of ${ENTRY}`);
  return chunk.code;
}
