// The pool of worker threads. The main thread only sends requests and awaits replies, so it stays free.

import { MemoryError, ThreadError } from "../../backend.ts";
import type { Reply, Request, WorkerSetup } from "./messages.ts";
import { Thread } from "./thread.ts";

export class ThreadPool {
  /** The number of threads wanted, and present once `ready` has resolved. */
  readonly threads: number;
  readonly #threads: Thread[] = [];
  readonly #ready: Promise<void>;
  /** Why nothing can run any more: threads wait for each other, so losing one ends them all. */
  #failure: Error | undefined;
  #starting = true;
  #closed = false;

  constructor(threads: number, setup: WorkerSetup) {
    this.threads = threads;
    this.#ready = this.#start(setup);
    this.#ready.catch(() => {}); // Callers of `ready` get the error.
  }

  /** Resolves when all threads have started. @throws ThreadError when the system does not start them */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** Sends the same request to every thread, without waiting for replies. @param moved to the only thread, uncopied */
  broadcast(request: Request, moved?: readonly ArrayBuffer[]): void {
    for (const thread of this.#threads) thread.post(request, moved);
  }

  /** Sends the same request to every thread. @returns their replies */
  ask(request: Request): Promise<Reply[]> {
    return this.#replies(() => request);
  }

  /** Runs a loaded program on every thread; `argsOf` gives each thread's arguments. */
  async run(program: number, argsOf: (thread: number) => readonly number[]): Promise<void> {
    await this.#replies((thread) => ({ kind: "run", program, args: argsOf(thread) }));
  }

  async #replies(requestTo: (thread: number) => Request): Promise<Reply[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const replies = this.#threads.map((thread) => thread.reply());
    for (const [i, thread] of this.#threads.entries()) thread.post(requestTo(i));
    return Promise.all(replies);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#failure ??= new Error("the backend was closed");
    await this.#stop();
  }

  async #start(setup: WorkerSetup): Promise<void> {
    const replies: Promise<Reply>[] = [];
    try {
      while (replies.length < this.threads) {
        const thread = new Thread(setup, (reason) => this.#fail(reason));
        this.#threads.push(thread);
        replies.push(thread.reply());
      }
    } catch (error) {
      this.#fail(asError(error));
    }
    const starts = await Promise.allSettled(replies);
    this.#starting = false;
    if (this.#failure === undefined) return;
    const started = starts.filter(({ status }) => status === "fulfilled").length;
    if (!this.#closed && !(this.#failure instanceof MemoryError))
      this.#failure = startError(this.threads, started, this.#failure.message);
    await this.#stop();
    throw this.#failure;
  }

  /** During start-up the other threads are still awaited: the error says how many the system gives. */
  #fail(reason: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    if (!this.#starting) void this.#stop();
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** The error says how many threads started, and which limit of the system to raise for more. */
function startError(wanted: number, started: number, reason: string): ThreadError {
  const [why, limit] = /EMFILE|ENFILE|too many open files/i.test(reason)
    ? ["too many files are open", "the limit of open files (ulimit -n)"]
    : /EAGAIN|ENOMEM/.test(reason)
      ? ["the system gives no more", "the limits of processes (ulimit -u) and memory"]
      : [reason, "the system's limits"];
  const fewer = started === 0 ? "" : "give fewer (--threads) or ";
  return new ThreadError(`${started} of ${wanted} threads could be started: ${why}; ${fewer}raise ${limit}`);
}
