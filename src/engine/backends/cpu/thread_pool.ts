// The worker threads. The main thread only sends requests and waits for replies, so it stays free for other things.

import { Worker } from "node:worker_threads";
import type { Reply, Request, WorkerSetup } from "./messages.ts";

export class ThreadPool {
  readonly #workers: Worker[];
  #closed = false;

  constructor(threads: number, memory: WebAssembly.Memory) {
    const fromSource = import.meta.url.endsWith(".ts");
    const url = new URL(fromSource ? "./worker.ts" : "./worker.js", import.meta.url);
    const stripsTypes = Boolean(process.features.typescript);
    const execArgv = fromSource && !stripsTypes ? ["--import", "tsx"] : [];
    const workerData: WorkerSetup = { memory };
    this.#workers = Array.from({ length: threads }, () => {
      const worker = new Worker(url, { workerData, execArgv });
      worker.setMaxListeners(0);
      worker.unref();
      return worker;
    });
  }

  get threads(): number {
    return this.#workers.length;
  }

  /** Sends the same request to every worker; no reply is awaited. */
  broadcast(request: Request): void {
    for (const worker of this.#workers) worker.postMessage(request);
  }

  /** Runs a loaded program on every thread; `argsOf` gives each thread's arguments. */
  async run(program: number, argsOf: (thread: number) => readonly number[]): Promise<void> {
    if (this.#closed) throw new Error("the backend was closed");
    const request = (thread: number): Request => ({ kind: "run", program, args: argsOf(thread) });
    await Promise.all(this.#workers.map((worker, thread) => ask(worker, request(thread))));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/** One request and its reply. The worker keeps the process alive only meanwhile. */
function ask(worker: Worker, request: Request): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | undefined) => {
      worker.off("message", onMessage);
      worker.off("error", onError);
      worker.off("exit", onExit);
      worker.unref();
      if (error === undefined) resolve();
      else reject(error);
    };
    const onMessage = (reply: Reply) =>
      settle(reply.error === undefined ? undefined : new Error(reply.error));
    const onError = (error: Error) => settle(error);
    const onExit = () => settle(new Error("a worker thread stopped"));
    worker.on("message", onMessage);
    worker.on("error", onError);
    worker.on("exit", onExit);
    worker.ref();
    worker.postMessage(request);
  });
}
