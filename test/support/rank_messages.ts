// Ranks in one process, in place of MPI: each has a memory of its own, in which an address is an offset, and messages take
// different times.

import { Course, type Messages, type Pending, type Strand } from "../../src/distributed/mpi/messages.ts";

/** What is on its way, by sender, receiver and tag. */
export type Mail = Map<string, Uint8Array[]>;

export class RankMessages implements Messages {
  readonly rank: number;
  readonly size: number;
  readonly #bytesAt: (address: number, bytes: number) => Uint8Array;
  readonly #mail: Mail;
  readonly #random: () => number;

  /**
   * @param bytesAt the rank's memory
   * @param random from 0 to 1: whether a message that is looked at is done
   */
  constructor(
    rank: number,
    size: number,
    bytesAt: (address: number, bytes: number) => Uint8Array,
    mail: Mail,
    random: () => number,
  ) {
    this.rank = rank;
    this.size = size;
    this.#bytesAt = bytesAt;
    this.#mail = mail;
    this.#random = random;
  }

  send(address: number, bytes: number, to: number, tag: number): Pending {
    const key = `${this.rank} ${to} ${tag}`;
    const queue = this.#mail.get(key) ?? [];
    this.#mail.set(key, queue);
    return this.#later(() => {
      queue.push(this.#bytesAt(address, bytes).slice());
      return true;
    });
  }

  receive(address: number, bytes: number, from: number, tag: number): Pending {
    const key = `${from} ${this.rank} ${tag}`;
    return this.#later(() => {
      const content = this.#mail.get(key)?.shift();
      if (content === undefined) return false;
      if (content.length !== bytes) throw new Error(`${content.length} bytes where ${bytes} were expected`);
      this.#bytesAt(address, bytes).set(content);
      return true;
    });
  }

  add(from: number, to: number, count: number): void {
    const [source, target] = [from, to].map((address) => {
      const { buffer, byteOffset } = this.#bytesAt(address, count * 4);
      return new Float32Array(buffer, byteOffset, count);
    });
    for (let i = 0; i < count; i++) target[i] += source[i];
  }

  /** Sometimes later, and once only. */
  #later(act: () => boolean): Pending {
    let isDone = false;
    return {
      isDone: () => {
        if (isDone) throw new Error("asked again after it was done");
        isDone = this.#random() < 0.5 && act();
        return isDone;
      },
    };
  }
}

/**
 * Runs the same operation on several ranks.
 * @param memories one for each rank
 * @returns how many messages nobody has received
 */
export function runRanks(
  memories: readonly ArrayBuffer[],
  operation: (messages: Messages) => Iterable<Strand>,
  options: { readonly width: number; readonly random: () => number },
): number {
  const mail: Mail = new Map();
  const { width, random } = options;
  let courses = memories.map((memory, rank) => {
    const bytesAt = (address: number, bytes: number) => new Uint8Array(memory, address, bytes);
    const messages = new RankMessages(rank, memories.length, bytesAt, mail, random);
    return new Course(operation(messages), width);
  });
  for (let round = 0; courses.length > 0; round++) {
    if (round > 1e6) throw new Error("the ranks wait for each other");
    courses = courses.filter((course) => random() < 0.3 || course.advance() !== "done");
  }
  return [...mail.values()].reduce((sum, queue) => sum + queue.length, 0);
}
