// Bundles the code of the page of peers.

import { fileURLToPath } from "node:url";
import { build, type Rolldown } from "tsdown";
import { browserFile } from "../build/browser_bundle.ts";

/** Node's side of TensorFlow.js, which its package leaves out for browsers. */
const LEFT_OUT = ["node-fetch", "util", "crypto", "worker_threads"];
const EMPTY = "\0empty";

const leaveOut: Rolldown.Plugin = {
  name: "leave-out",
  resolveId: {
    order: "pre",
    handler: (id) => (LEFT_OUT.includes(id) ? EMPTY : null),
  },
  load: (id) => (id === EMPTY ? "export default {};" : null),
};

/** The page's code, as one file. */
export async function bundlePage(): Promise<string> {
  const { plugins, ...options } = browserFile({ page: "tools/peers/page/page.ts" });
  const bundles = await build({
    ...options,
    plugins: [leaveOut, plugins],
    config: false,
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    write: false,
    dts: false,
    logLevel: "silent",
  });
  const [chunk] = bundles.flatMap(({ chunks }) => chunks).filter((chunk) => chunk.type === "chunk");
  if (chunk === undefined) throw new Error("no bundle of the page");
  return chunk.code;
}
