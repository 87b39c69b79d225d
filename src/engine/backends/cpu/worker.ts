// A worker thread: instantiates programs over the shared memory and runs them when told.

import { parentPort, workerData } from "node:worker_threads";
import type { Reply, Request, WorkerSetup } from "./messages.ts";

const { memory }: WorkerSetup = workerData;
const programs = new Map<number, (...args: number[]) => void>();

/** Milliseconds of the system's steady clock; `performance.now` begins anew in each thread. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

function handle(request: Request): Reply | null {
  switch (request.kind) {
    case "load": {
      const imports = { env: { memory, now } };
      const { run } = new WebAssembly.Instance(request.module, imports).exports;
      if (typeof run !== "function") throw new Error("the module exports no run function");
      programs.set(request.program, (...args) => run(...args));
      return null;
    }
    case "unload":
      programs.delete(request.program);
      return null;
    case "run": {
      const run = programs.get(request.program);
      if (run === undefined) throw new Error(`program ${request.program} was not loaded`);
      run(...request.args);
      return {};
    }
    default:
      return request satisfies never;
  }
}

parentPort?.on("message", (request: Request) => {
  try {
    const reply = handle(request);
    if (reply !== null) parentPort?.postMessage(reply);
  } catch (error) {
    parentPort?.postMessage({ error: String(error) } satisfies Reply);
  }
});
parentPort?.postMessage({} satisfies Reply);
