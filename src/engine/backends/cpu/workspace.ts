// The memory that programs compute in: intermediate results and the threads' scratch. They run one after another, so all
// share one, as large as the largest of them needs; what lasts from run to run they keep in memory of their own.

import type { Allocator } from "./allocator.ts";

export class Workspace {
  readonly #allocator: Allocator;
  /** What each program needs: bytes. */
  readonly #needs: number[] = [];
  #start = 0;
  #bytes = 0;

  constructor(allocator: Allocator) {
    this.#allocator = allocator;
  }

  /** Its address, which may change when programs come: at most between two runs. */
  get start(): number {
    return this.#start;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Makes room for one more program; nothing may run meanwhile.
   * @param what for errors
   * @throws MemoryError when there is not enough memory; then nothing has changed for the other programs
   */
  add(bytes: number, what: string): void {
    if (bytes > this.#bytes) {
      this.#start = this.#allocator.resize({ start: this.#start, bytes: this.#bytes }, bytes, what);
      this.#bytes = bytes;
    }
    this.#needs.push(bytes);
  }

  /**
   * Allocates memory that lasts, and makes way for it, so that it can grow in place later; nothing may run meanwhile.
   * @throws MemoryError when there is not enough memory
   */
  allocateBefore(bytes: number, what: string): number {
    const own = { start: this.#start, bytes: this.#bytes };
    const { start, moved } = this.#allocator.allocateBefore(own, bytes, what);
    this.#start = moved;
    return start;
  }

  /** A program that needed so many bytes is gone; the others may be running. */
  remove(bytes: number): void {
    this.#needs.splice(this.#needs.indexOf(bytes), 1);
    const left = this.#needs.reduce((most, need) => Math.max(most, need), 0);
    if (left < this.#bytes) this.#allocator.shrink({ start: this.#start, bytes: this.#bytes }, left);
    this.#bytes = left;
  }
}
