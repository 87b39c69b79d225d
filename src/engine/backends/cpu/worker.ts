// A worker thread: instantiates programs over the shared memory and runs them on request.

import { thread } from "#platform/thread";
import type { Reply, Request, WorkerSetup } from "./messages.ts";

type Program = (...args: number[]) => void;

function handler({ memory }: WorkerSetup): (request: Request) => Reply | null {
  const programs = new Map<number, Program>();
  return (request) => {
    switch (request.kind) {
      case "load": {
        const imports = { env: { memory, now: thread.now } };
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
  };
}

thread.serve<WorkerSetup, Request, Reply>((setup, post) => {
  const handle = handler(setup);
  post({});
  return (request) => {
    try {
      const reply = handle(request);
      if (reply !== null) post(reply);
    } catch (error) {
      post({ error: String(error) });
    }
  };
});
