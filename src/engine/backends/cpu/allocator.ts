// Allocates blocks in the backend's one memory, which grows when they do not fit.

import { MemoryError } from "../../backend.ts";
import type { LinearMemory } from "./linear_memory.ts";
import { PAGE } from "./words.ts";

const ALIGNMENT = 64;

export class Allocator {
  readonly #memory: LinearMemory;
  /** The address that nothing may reach. */
  readonly #limit: number;
  /** Free blocks below `#top`, sorted by address, never adjacent. */
  #free: { start: number; bytes: number }[] = [];
  #top: number;

  /** @param bytes that may be used */
  constructor(memory: LinearMemory, bytes: number) {
    this.#memory = memory;
    this.#top = memory.start;
    this.#limit = memory.start + bytes;
  }

  get usedBytes(): number {
    return this.#top - this.#memory.start - this.#free.reduce((total, block) => total + block.bytes, 0);
  }

  /** Bytes of the largest block that could be allocated. */
  get largestBytes(): number {
    return this.#free.reduce((most, { bytes }) => Math.max(most, bytes), this.#limit - this.#top);
  }

  /** Allocates a block and returns its address. @throws MemoryError when the limit is reached. */
  allocate(bytes: number, what: string): number {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    const fit = this.#free.findIndex((block) => block.bytes >= size);
    if (fit !== -1) {
      const block = this.#free[fit];
      if (block.bytes === size) this.#free.splice(fit, 1);
      else this.#free[fit] = { start: block.start + size, bytes: block.bytes - size };
      return block.start;
    }
    const start = this.#top;
    if (start + size > this.#limit)
      throw new MemoryError(what, size, this.#limit - this.#memory.start - this.usedBytes);
    const missing = start + size - this.#memory.end;
    if (missing > 0) {
      try {
        this.#memory.grow(Math.ceil(missing / PAGE));
      } catch {
        throw new MemoryError(what, size, this.#memory.end - start);
      }
    }
    this.#top = start + size;
    return start;
  }

  release(start: number, bytes: number): void {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    const blocks = [...this.#free, { start, bytes: size }].sort((a, b) => a.start - b.start);
    const merged: { start: number; bytes: number }[] = [];
    for (const block of blocks) {
      const last = merged[merged.length - 1];
      if (last !== undefined && last.start + last.bytes === block.start) last.bytes += block.bytes;
      else merged.push({ ...block });
    }
    const last = merged[merged.length - 1];
    if (last !== undefined && last.start + last.bytes === this.#top) {
      this.#top = last.start;
      merged.pop();
    }
    this.#free = merged;
  }
}
