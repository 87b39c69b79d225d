// One worker thread of the pool: sends requests, settles a promise for each reply, and notices when the thread ends.

import { threads } from "#platform";
import type { ThreadHandle } from "../../../platform/platform.ts";
import { MemoryError, ThreadError } from "../../backend.ts";
import type { Reply, Request, WorkerSetup } from "./messages.ts";
import { threadModule } from "./thread_module.ts";

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (reason: Error) => void;
}

export class Thread {
  readonly #worker: ThreadHandle<Request>;
  readonly #onEnd: (reason: Error) => void;
  #waiting: Waiting | undefined;
  #ended: Error | undefined;

  /**
   * @param onEnd called once, when the thread can do no more work, whether or not a reply is pending
   * @throws when the system refuses a thread at once; later refusals call `onEnd`
   */
  constructor(setup: WorkerSetup, onEnd: (reason: Error) => void) {
    this.#onEnd = onEnd;
    this.#worker = threads.start<WorkerSetup, Request, Reply>(threadModule, setup, {
      onMessage: (reply) => {
        const { error, memory } = reply;
        // Other threads may wait for it inside the program that it left, so it is of no more use.
        if (memory !== undefined) this.#end(new MemoryError("the program", memory.needed, memory.available));
        else if (error !== undefined) this.#end(new Error(error));
        else this.#settle(({ resolve }) => resolve(reply));
      },
      onError: (message) => this.#end(new ThreadError(`a thread stopped: ${message}`)),
      onExit: (code) => this.#end(new ThreadError(`a thread stopped with code ${code}`)),
    });
  }

  /** @param moved buffers that go to the thread without a copy */
  post(request: Request, moved?: readonly ArrayBuffer[]): void {
    this.#worker.post(request, moved);
  }

  /** Settles with the next reply or the thread's end. The worker keeps the process alive only until then. */
  reply(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      this.#waiting = { resolve, reject };
      this.#worker.keepAlive(true);
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
    this.#worker.keepAlive(false);
    if (waiting !== undefined) how(waiting);
  }
}
