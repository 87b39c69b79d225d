// A worker thread: takes programs, as modules of WebAssembly or as machine code, and runs them on request.

import { thread } from "#platform/thread";
import type { Reply, Request, WorkerSetup } from "./messages.ts";
import { clearWords, PAGE } from "./words.ts";

type Program = (...args: number[]) => void;

/** How this thread takes the code of a program. */
type Loader = (code: WebAssembly.Module | number) => Program;

const instantiate =
  (memory: WebAssembly.Memory): Loader =>
  (code) => {
    if (typeof code === "number") throw new Error("machine code for a thread of WebAssembly");
    const { run } = new WebAssembly.Instance(code, { env: { memory, now: thread.now } }).exports;
    if (typeof run !== "function") throw new Error("the module exports no run function");
    return (...args) => run(...args);
  };

const callAt =
  (library: string): Loader =>
  (code) => {
    if (typeof code !== "number") throw new Error("WebAssembly for a thread of machine code");
    return (...args) => thread.callNative(library, code, args);
  };

function handler(load: Loader, memory: WebAssembly.Memory | undefined): (request: Request) => Reply | null {
  const programs = new Map<number, Program>();
  const own = (): WebAssembly.Memory => {
    if (memory === undefined) throw new Error("this thread has no memory of its own");
    return memory;
  };
  return (request) => {
    switch (request.kind) {
      case "load":
        programs.set(request.program, load(request.code));
        return null;
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
        return grow(own(), request.pages);
      case "write":
        new Uint8Array(own().buffer).set(new Uint8Array(request.data), request.address);
        return null;
      case "clear":
        clearWords(own().buffer, request);
        return null;
      case "read": {
        const data = new Uint8Array(own().buffer, request.address, request.bytes).slice().buffer;
        return { data };
      }
      default:
        return request satisfies never;
    }
  };
}

function handlerOf(setup: WorkerSetup): (request: Request) => Reply | null {
  if ("library" in setup) return handler(callAt(setup.library), undefined);
  const { memory: given } = setup;
  const memory = given instanceof WebAssembly.Memory ? given : new WebAssembly.Memory(given);
  return handler(instantiate(memory), memory);
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

thread.serve<WorkerSetup, Request, Reply>((setup, post) => {
  const handle = handlerOf(setup);
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
