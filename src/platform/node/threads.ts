// Worker threads, from outside.

import { Worker } from "node:worker_threads";
import type { ThreadHandle, ThreadListener, Threads } from "../platform.ts";

export const threads: Threads = {
  start<Setup, Request, Reply>(
    module: URL,
    setup: Setup,
    { onMessage, onError, onExit }: ThreadListener<Reply>,
  ): ThreadHandle<Request> {
    const needsTsx = module.pathname.endsWith(".ts") && !process.features.typescript;
    const worker = new Worker(module, {
      workerData: setup,
      execArgv: needsTsx ? ["--import", "tsx"] : [],
    });
    worker.on("message", onMessage);
    worker.on("error", ({ message }) => onError(message));
    worker.on("exit", onExit);
    worker.unref();
    return {
      post: (message) => worker.postMessage(message),
      keepAlive: (isNeeded) => (isNeeded ? worker.ref() : worker.unref()),
      async terminate() {
        await worker.terminate();
      },
    };
  },
};
