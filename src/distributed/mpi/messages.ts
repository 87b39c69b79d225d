// What the collective operations are written in: messages between ranks that are under way while the rank does other things.
// Memory is given by addresses.

/** A message under way. */
export interface Pending {
  /** Whether it has arrived (or may be overwritten); drives it on. After true it is not asked again. */
  isDone(): boolean;
}

/**
 * Messages among the ranks of a group. Those from one rank to another with the same tag arrive in order; the receiver knows
 * their lengths.
 */
export interface Messages {
  readonly rank: number;
  readonly size: number;
  send(address: number, bytes: number, to: number, tag: number): Pending;
  receive(address: number, bytes: number, from: number, tag: number): Pending;
  /** Adds `count` floats at one address to those at another. */
  add(from: number, to: number, count: number): void;
}

/** A piece of work as a coroutine, which gives the messages that it must have before it goes on. */
export type Strand = Generator<readonly Pending[], void, void>;

/** Tags of operations are smaller. */
export const TAGS = 1 << 14;
/** The tag of signs of life. Every library allows tags below 32,768. */
export const SIGN_TAG = TAGS;

/** Strands of which a few run at a time: while one waits for a message, others add or send. */
export class Course {
  readonly #strands: Iterator<Strand>;
  readonly #running: { readonly strand: Strand; pending: readonly Pending[] }[] = [];
  readonly #width: number;
  #isDrained = false;

  /** @param width how many strands run at a time */
  constructor(strands: Iterable<Strand>, width: number) {
    this.#strands = strands[Symbol.iterator]();
    this.#width = width;
  }

  /** Goes as far as it can without waiting. */
  advance(): "done" | "moved" | "waiting" {
    let hasMoved = this.#start();
    for (let i = 0; i < this.#running.length; i++) {
      const running = this.#running[i];
      const left = running.pending.filter((message) => !message.isDone());
      hasMoved ||= left.length < running.pending.length;
      running.pending = left;
      if (left.length > 0 || step(running)) continue;
      this.#running.splice(i--, 1);
      hasMoved = true;
    }
    if (this.#running.length === 0 && this.#isDrained) return "done";
    return hasMoved ? "moved" : "waiting";
  }

  /** Starts strands while there is room. @returns whether it did */
  #start(): boolean {
    let hasStarted = false;
    while (!this.#isDrained && this.#running.length < this.#width) {
      const next = this.#strands.next();
      if (next.done === true) this.#isDrained = true;
      else {
        const running = { strand: next.value, pending: [] };
        if (step(running)) this.#running.push(running);
        hasStarted = true;
      }
    }
    return hasStarted;
  }
}

/** Runs a strand to the next messages that it must wait for. @returns false at its end */
function step(running: { readonly strand: Strand; pending: readonly Pending[] }): boolean {
  const next = running.strand.next();
  if (next.done === true) return false;
  running.pending = next.value;
  return true;
}
