// A communicator over MPI, as the process sees it: requests to the thread that calls MPI, and its replies.

import { machine, threads } from "#platform";
import { printable } from "../../io/printable.ts";
import type { ForeignCalls } from "../../platform/native.ts";
import type { ThreadHandle } from "../../platform/platform.ts";
import type { Communicator } from "../communicator.ts";
import { DistributedError } from "../errors.ts";
import { LastWords } from "./last_words.ts";
import type { Place, Reply, Request, Setup } from "./protocol.ts";
import { mpiModule } from "./worker_module.ts";

/** Seconds that the thread has for an abort or for MPI's end. */
const END_SECONDS = 10;

/** How many times longer than for a sign of life a rank waits for the start of the others, which may read slow disks. */
const START_PATIENCE = 12;

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (reason: Error) => void;
  /** Memory that the thread reads and writes meanwhile. */
  readonly memory: ArrayBufferView | undefined;
}

/** The thread, with a promise for each request. */
class MpiThread {
  readonly #thread: ThreadHandle<Request>;
  readonly #lastWords: LastWords;
  readonly #waiting: Waiting[] = [];
  readonly #stopListening: () => void;
  #failure: Error | undefined;
  /** Whether the thread can still abort. */
  #isThere = true;
  #isAborting = false;
  /** What this rank is called, once it has joined the others. */
  #name: string | undefined;

  constructor(setup: Setup, lastWords: LastWords) {
    this.#lastWords = lastWords;
    this.#thread = threads.start<Setup, Request, Reply>(mpiModule, setup, {
      onMessage: (reply) => this.#receive(reply, setup.host),
      onError: (message) => this.#lose(message),
      onExit: (code) => this.#lose(`code ${code}`),
    });
    this.#stopListening = machine.onExit((code) => this.#exit(code));
  }

  post(request: Request): void {
    this.#thread.post(request);
  }

  /** Ends all ranks. */
  abort(cause: string): void {
    this.#lastWords.endIn(END_SECONDS);
    if (this.#isThere) {
      this.#isAborting = true;
      this.#thread.keepAlive(true);
      this.post({ kind: "abort", cause });
    } else {
      this.#lastWords.say(`${this.#name}: ${cause}`);
      this.#lastWords.end();
    }
  }

  /** The next reply. @param memory see `Waiting` */
  reply(memory?: ArrayBufferView): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#waiting.push({ resolve, reject, memory });
      this.#thread.keepAlive(true);
    });
  }

  async end(): Promise<void> {
    this.#failure ??= new DistributedError("the communicator was closed");
    this.#stopListening();
    this.#lastWords.dismissGuard();
    await this.#thread.terminate();
  }

  #receive(reply: Reply, host: string): void {
    if (reply.kind === "ask") this.post({ kind: "here" });
    else if (reply.kind === "failed") this.#fail(reply.message);
    else {
      if (reply.kind === "open") this.#name = `rank ${reply.place.rank} on host ${host}`;
      this.#waiting.shift()?.resolve(reply);
      this.#rest();
    }
  }

  #lose(why: string): void {
    this.#isThere = false;
    this.#fail(`the thread that calls MPI stopped: ${why}`);
  }

  /** The others would wait, and some launchers take an exit code of 0 for success. */
  #exit(code: number): number {
    this.#lastWords.endIn(END_SECONDS); // the thread may hang, and the process waits for it
    this.#lastWords.dismissGuard();
    if (this.#name === undefined) return code;
    this.#lastWords.say(`${this.#name} exited with code ${code} before the ranks' work was done`);
    return code === 0 ? 1 : code;
  }

  #fail(message: string): void {
    this.#failure ??= new DistributedError(inOneLine(message));
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
    this.#rest();
  }

  /** Lets the process end if it waits for nothing. */
  #rest(): void {
    if (this.#waiting.length === 0 && !this.#isAborting) this.#thread.keepAlive(false);
  }
}

class MpiCommunicator implements Communicator {
  readonly rank: number;
  readonly size: number;
  readonly host: string;
  readonly localRank: number;
  readonly localSize: number;
  readonly #thread: MpiThread;
  readonly #foreign: ForeignCalls;

  constructor(thread: MpiThread, foreign: ForeignCalls, host: string, place: Place) {
    this.#thread = thread;
    this.#foreign = foreign;
    this.host = host;
    this.rank = place.rank;
    this.size = place.size;
    this.localRank = place.localRank;
    this.localSize = place.localSize;
  }

  async broadcast(bytes: Uint8Array, root = 0): Promise<void> {
    if (!Number.isInteger(root) || root < 0 || root >= this.size)
      throw new DistributedError(`broadcast from rank ${root}: there are ranks 0 to ${this.size - 1}`);
    const address = this.#foreign.addressOf(bytes);
    await this.#ask({ kind: "broadcast", address, bytes: bytes.byteLength, root }, bytes);
  }

  async sum(values: Float32Array): Promise<void> {
    const address = this.#foreign.addressOf(values);
    await this.#ask({ kind: "sum", address, count: values.length }, values);
  }

  async gather(bytes: Uint8Array): Promise<Uint8Array[] | undefined> {
    const own = bytes.slice();
    const address = this.#foreign.addressOf(own);
    const reply = await this.#ask({ kind: "gather", address, bytes: own.byteLength }, own);
    return reply.kind === "done" && reply.gathered !== undefined ? [own, ...reply.gathered] : undefined;
  }

  async barrier(): Promise<void> {
    await this.#ask({ kind: "barrier" });
  }

  abort(cause: string): Promise<never> {
    this.#thread.abort(inOneLine(cause));
    return new Promise(() => {});
  }

  async close(): Promise<void> {
    await this.#ask({ kind: "close" });
    await this.#thread.end();
  }

  #ask(request: Request, memory?: ArrayBufferView): Promise<Reply> {
    const reply = this.#thread.reply(memory);
    this.#thread.post(request);
    return reply;
  }
}

/** Text from anywhere, for a line on a terminal. */
const inOneLine = (text: string): string => printable(text.trim().replaceAll(/\s+/g, " "));

/** Joins the other processes. @throws DistributedError in one line that says what to do */
export async function joinByMpi(foreign: ForeignCalls, setup: Setup): Promise<Communicator> {
  const lastWords = new LastWords(foreign, setup.guard);
  const thread = new MpiThread(setup, lastWords);
  const stopWaiting = limitStart(setup, lastWords);
  try {
    const reply = await thread.reply();
    if (reply.kind !== "open")
      throw new DistributedError(`the thread that calls MPI began with "${reply.kind}"`);
    return new MpiCommunicator(thread, foreign, setup.host, reply.place);
  } catch (error) {
    await thread.end();
    throw error;
  } finally {
    stopWaiting();
  }
}

/** MPI waits until all processes have come; one that was stopped before would hold up the others for ever. */
function limitStart({ timeout, launch, host }: Setup, lastWords: LastWords): () => void {
  if (timeout === 0) return () => {};
  const seconds = timeout * START_PATIENCE;
  const timer = setTimeout(() => {
    const name = launch?.rank === undefined ? "a rank" : `rank ${launch.rank}`;
    lastWords.say(`${name} on host ${host} has waited ${seconds} s for the other ranks to start`);
    lastWords.end();
  }, seconds * 1000);
  return () => clearTimeout(timer);
}
