// A worker thread: instantiates programs over its memory and runs them on request.

import { thread } from "#platform/thread";
import type { Reply, Request, WorkerSetup } from "./messages.ts";
import { clearWords, PAGE } from "./words.ts";

type Program = (...args: number[]) => void;

function handler(memory: WebAssembly.Memory): (request: Request) => Reply | null {
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
      case "grow":
        return grow(memory, request.pages);
      case "write":
        new Uint8Array(memory.buffer).set(new Uint8Array(request.data), request.address);
        return null;
      case "clear":
        clearWords(memory.buffer, request);
        return null;
      case "read": {
        const data = new Uint8Array(memory.buffer, request.address, request.bytes).slice().buffer;
        return { data };
      }
      default:
        return request satisfies never;
    }
  };
}

function grow(memory: WebAssembly.Memory, pages: number): Reply | null {
  const available = memory.buffer.byteLength;
  try {
    memory.grow(pages);
    return null;
  } catch (error) {
    return { error: String(error), memory: { needed: available + pages * PAGE, available } };
  }
}

thread.serve<WorkerSetup, Request, Reply>(({ memory }, post) => {
  const handle = handler(memory instanceof WebAssembly.Memory ? memory : new WebAssembly.Memory(memory));
  post({});
  return (request) => {
    try {
      const reply = handle(request);
      if (reply !== null) post(reply, reply.data && [reply.data]);
    } catch (error) {
      post({ error: String(error) });
    }
  };
});
