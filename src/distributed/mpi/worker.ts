// The thread that makes all calls of MPI. No call waits, so it keeps watching the other ranks and hearing its process; and the
// process never waits for MPI, whatever hangs. One thread calls, so the library need not support more.

import { thread } from "#platform/thread";
import type { ForeignCalls } from "../../platform/native.ts";
import { findHomes, type Home, join, type Member, placeOf } from "./join.ts";
import { LastWords } from "./last_words.ts";
import type { Course } from "./messages.ts";
import type { Operation, Reply, Request, Setup } from "./protocol.ts";
import { Silence } from "./silence.ts";
import { type Doing, nextDoing, Watch } from "./watch.ts";

/** Milliseconds of asking without a pause after something has moved: the next message is probably near. */
const EAGER = 0.05;
/** Milliseconds between questions then, at first and at most: whoever computes here needs the processor. */
const [SHORT, LONG] = [0.02, 0.5];
/** Milliseconds between two looks at the other ranks. */
const LOOK = 100;
/** How many times longer than the other ranks' signs of life the process's own may be missing: see `#watchProcess`. */
const PATIENCE = 3;
/** Seconds after which the process ends even if MPI_Abort or MPI_Finalize hangs. */
const [ABORT_SECONDS, FINALIZE_SECONDS] = [5, 30];

class Rank {
  readonly #setup: Setup;
  readonly #post: (reply: Reply, moved?: readonly ArrayBuffer[]) => void;
  readonly #foreign: ForeignCalls;
  readonly #lastWords: LastWords;
  readonly #member: Member;
  readonly #queue: Operation[] = [];
  readonly #bell = new Int32Array(new SharedArrayBuffer(4));
  readonly #process: Silence;
  #watch: Watch | undefined;
  #homes: readonly Home[] = [];
  #doing: Doing | undefined;
  #lookAt = 0;
  #askAt = 0;
  #isAsked = false;
  /** Ends the pause while there is nothing to do. */
  #wake = () => {};

  constructor(setup: Setup, post: (reply: Reply, moved?: readonly ArrayBuffer[]) => void) {
    this.#setup = setup;
    this.#post = post;
    this.#foreign = thread.foreign(setup.library);
    this.#lastWords = new LastWords(this.#foreign, setup.guard);
    this.#member = join(this.#foreign, setup);
    this.#process = new Silence(thread.now());
  }

  take(request: Request): void {
    if (request.kind === "abort")
      this.#abort(`${this.#nameOf(this.#member.messages.rank)}: ${request.cause}`);
    else if (request.kind === "here") {
      this.#process.end();
      this.#isAsked = false;
    } else {
      this.#queue.push(request);
      this.#wake();
    }
  }

  /** Does what the process asks for, until it closes. */
  async serve(): Promise<void> {
    const { messages } = this.#member;
    const { host, machine, timeout } = this.#setup;
    const nameOf = (rank: number) => this.#nameOf(rank);
    this.#watch = new Watch(messages, this.#foreign.addressOf, nameOf, timeout, thread.now());
    const run = (course: Course) => this.#run(course);
    this.#homes = await findHomes(this.#member, this.#foreign, { host, machine }, run);
    this.#post({ kind: "open", place: placeOf(messages.rank, this.#homes) });
    while (this.#doing?.operation.kind !== "close") {
      const operation = await this.#next();
      this.#doing = nextDoing(this.#doing, operation);
      await this.#carryOut(operation);
    }
  }

  async #next(): Promise<Operation> {
    for (;;) {
      const operation = this.#queue.shift();
      if (operation !== undefined) return operation;
      this.#look();
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, LOOK);
      });
      clearTimeout(timer);
    }
  }

  async #carryOut(operation: Operation): Promise<void> {
    const { operations, messages } = this.#member;
    if (operation.kind === "gather") {
      const { course, result } = operations.gather(operation.address, operation.bytes);
      await this.#run(course);
      const buffers = result.map(({ buffer }) => buffer);
      this.#post(messages.rank === 0 ? { kind: "done", gathered: result } : { kind: "done" }, buffers);
      return;
    }
    if (operation.kind === "close") await this.#close();
    else await this.#run(this.#courseOf(operation));
    this.#post({ kind: "done" });
  }

  #courseOf(operation: Exclude<Operation, { kind: "gather" | "close" }>): Course {
    const { operations } = this.#member;
    switch (operation.kind) {
      case "broadcast":
        return operations.broadcast(operation.address, operation.bytes, operation.root);
      case "sum":
        return operations.sum(operation.address, operation.count);
      case "barrier":
        return operations.barrier();
      default:
        return operation satisfies never;
    }
  }

  /** Drives a course to its end. */
  async #run(course: Course): Promise<void> {
    let [movedAt, pause] = [thread.now(), SHORT];
    for (;;) {
      const state = course.advance();
      if (state === "done") return;
      const now = thread.now();
      if (state === "moved") [movedAt, pause] = [now, SHORT];
      if (now >= this.#lookAt) {
        this.#look();
        await thread.letOthersRun();
      } else if (now - movedAt > EAGER) {
        Atomics.wait(this.#bell, 0, 0, pause);
        pause = Math.min(pause * 1.5, LONG);
      }
    }
  }

  /** Leaves when all others do: nobody takes the end of another for a loss. */
  async #close(): Promise<void> {
    await this.#run(this.#member.operations.barrier());
    this.#watch?.leave();
    while (this.#watch?.hasLeft === false) {
      this.#lookAt = 0;
      this.#look();
      Atomics.wait(this.#bell, 0, 0, LONG);
      await thread.letOthersRun();
    }
    this.#lastWords.endIn(FINALIZE_SECONDS);
    this.#member.mpi.finalize();
    this.#lastWords.endIn(0);
  }

  #look(): void {
    const now = thread.now();
    if (now < this.#lookAt) return;
    this.#lookAt = now + LOOK;
    const problem = this.#watch?.look(now, this.#doing) ?? this.#watchProcess(now);
    if (problem !== undefined) this.#abort(problem);
  }

  /**
   * Whether the process handles events. Honest work in JavaScript (tracing a large model, a matrix of features) takes some
   * seconds without a pause, and can only be told from an endless loop by its time; so it has more than the other signs.
   */
  #watchProcess(now: number): string | undefined {
    const silence = this.#process.look(now);
    if (!this.#isAsked) {
      this.#process.end();
      if (now < this.#askAt) return undefined;
      this.#askAt = now + 1000;
      this.#isAsked = true;
      this.#post({ kind: "ask" });
    }
    const { timeout } = this.#setup;
    if (timeout === 0 || silence <= PATIENCE * timeout * 1000) return undefined;
    const { rank } = this.#member.messages;
    return `${this.#nameOf(rank)} has been busy for ${PATIENCE * timeout} s without handling events`;
  }

  #abort(line: string): void {
    this.#lastWords.say(line);
    this.#lastWords.endIn(ABORT_SECONDS);
    this.#member.mpi.abort(1);
    this.#lastWords.end();
  }

  #nameOf(rank: number): string {
    const host = this.#homes[rank]?.host;
    return host === undefined ? `rank ${rank}` : `rank ${rank} on host ${host}`;
  }
}

thread.serve<Setup, Request, Reply>((setup, post) => {
  const fail = (error: unknown) =>
    post({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  try {
    const rank = new Rank(setup, post);
    rank.serve().catch(fail);
    return (request) => rank.take(request);
  } catch (error) {
    fail(error);
    return () => {};
  }
});
