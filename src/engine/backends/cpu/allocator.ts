// Allocates blocks in the backend's one memory, which grows when they do not fit.

import { MemoryError } from "../../backend.ts";
import type { LinearMemory } from "./linear_memory.ts";
import { PAGE } from "./words.ts";

const ALIGNMENT = 64;
const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** A piece of the memory. Where it has no bytes, `start` means nothing. */
export interface Block {
  readonly start: number;
  readonly bytes: number;
}

export class Allocator {
  readonly #memory: LinearMemory;
  /** The address that nothing may reach. */
  readonly #limit: number;
  /** Free blocks below `#top`, sorted by address, never adjacent. */
  #free: readonly Block[] = [];
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
    const size = Math.max(ALIGNMENT, align(bytes));
    const fit = this.#free.findIndex((block) => block.bytes >= size);
    if (fit !== -1) {
      const { start, bytes: all } = this.#free[fit];
      const rest = all === size ? [] : [{ start: start + size, bytes: all - size }];
      this.#free = this.#free.toSpliced(fit, 1, ...rest);
      return start;
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

  /**
   * Allocates `bytes` in place of a block, whose contents are lost, and returns the address. Memory that it leaves goes back
   * to the system.
   * @throws MemoryError when the limit is reached; then the block has as many bytes as before, at the same address
   */
  resize(block: Block, bytes: number, what: string): number {
    if (block.bytes === 0) return this.allocate(bytes, what);
    return this.#instead(block, () => {
      const start = this.allocate(bytes, what);
      const left = { start: block.start, end: block.start + align(block.bytes) };
      if (start + align(bytes) <= left.start || start >= left.end)
        this.#memory.giveBack(left.start, left.end - left.start);
      return start;
    });
  }

  /**
   * Allocates `bytes` where a block may be in the way, whose contents are lost.
   * @returns the address, and that of the block, which has moved if need be
   * @throws MemoryError as `resize` does
   */
  allocateBefore(
    block: Block,
    bytes: number,
    what: string,
  ): { readonly start: number; readonly moved: number } {
    if (block.bytes === 0) return { start: this.allocate(bytes, what), moved: block.start };
    return this.#instead(block, () => ({
      start: this.allocate(bytes, what),
      moved: this.allocate(block.bytes, what),
    }));
  }

  /** Allocates with a block released; where that fails, all is as before. */
  #instead<T>(block: Block, allocate: () => T): T {
    const [free, top] = [this.#free, this.#top];
    this.release(block.start, block.bytes);
    try {
      return allocate();
    } catch (error) {
      this.#free = free;
      this.#top = top;
      throw error;
    }
  }

  /** Frees all but the first `bytes` of a block. */
  shrink(block: Block, bytes: number): void {
    const kept = align(bytes);
    const freed = align(block.bytes) - kept;
    if (freed > 0) this.release(block.start + kept, freed);
  }

  release(start: number, bytes: number): void {
    const size = Math.max(ALIGNMENT, align(bytes));
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
