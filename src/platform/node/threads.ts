// Worker threads, from outside.

import { Worker } from "node:worker_threads";
import type { ThreadHandle, ThreadListener, Threads } from "../platform.ts";

export const threads: Threads = {
  start<Setup, Request, Reply>(
    module: URL | string,
    setup: Setup,
    { onMessage, onError, onExit }: ThreadListener<Reply>,
  ): ThreadHandle<Request> {
    const isText = typeof module === "string";
    const worker = new Worker(isText ? module : entryOf(module), {
      eval: isText,
      workerData: setup,
      execArgv: [],
    });
    worker.on("message", onMessage);
    worker.on("error", ({ message }) => onError(message));
    worker.on("exit", onExit);
    worker.unref();
    return {
      post: (message, moved = []) => worker.postMessage(message, [...moved]),
      keepAlive: (isNeeded) => (isNeeded ? worker.ref() : worker.unref()),
      async terminate() {
        await worker.terminate();
      },
    };
  },
};

/** The module itself; or, if this Node cannot load TypeScript sources, a wrapper that loads it with tsx. */
function entryOf(module: URL): URL {
  if (!module.pathname.endsWith(".ts") || process.features.typescript) return module;
  // Loaders registered on the main thread do not apply to others.
  const tsx = import.meta.resolve("tsx/esm/api");
  const code = `import { register } from ${JSON.stringify(tsx)}; register(); await import(${JSON.stringify(module.href)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}
