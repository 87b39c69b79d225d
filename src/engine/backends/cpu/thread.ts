// One worker thread as the pool sees it: requests go in, each reply settles a promise, and its end is always noticed.

import { Worker } from "node:worker_threads";
import { ThreadError } from "../../backend.ts";
import type { Reply, Request, WorkerSetup } from "./messages.ts";

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

export class Thread {
  readonly #worker: Worker;
  readonly #onEnd: (reason: Error) => void;
  #waiting: Waiting | undefined;
  #ended: Error | undefined;

  /**
   * @param onEnd called once, when the thread can do no more work, whether or not a reply is waited for
   * @throws when the system gives no thread; where it says so only later, `onEnd` does
   */
  constructor(setup: WorkerSetup, onEnd: (reason: Error) => void) {
    const fromSource = import.meta.url.endsWith(".ts");
    const url = new URL(fromSource ? "./worker.ts" : "./worker.js", import.meta.url);
    const stripsTypes = Boolean(process.features.typescript);
    const execArgv = fromSource && !stripsTypes ? ["--import", "tsx"] : [];
    this.#onEnd = onEnd;
    this.#worker = new Worker(url, { workerData: setup, execArgv });
    this.#worker.on("message", ({ error }: Reply) => {
      // Others may wait for it within the program that it left, so it is of no more use.
      if (error !== undefined) this.#end(new Error(error));
      else this.#settle(({ resolve }) => resolve());
    });
    this.#worker.on("error", ({ message }) => this.#end(new ThreadError(`a thread stopped: ${message}`)));
    this.#worker.on("exit", (code) => this.#end(new ThreadError(`a thread stopped with code ${code}`)));
    this.#worker.unref();
  }

  post(request: Request): void {
    this.#worker.postMessage(request);
  }

  /** Settles with the next reply or the thread's end. The worker keeps the process alive only meanwhile. */
  reply(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      this.#waiting = { resolve, reject };
      this.#worker.ref();
    });
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #end(reason: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#settle(({ reject }) => reject(reason));
    this.#onEnd(reason);
  }

  #settle(how: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#worker.unref();
    if (waiting !== undefined) how(waiting);
  }
}
