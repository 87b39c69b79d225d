// The backend's memory as the host sees it: shared with the threads, or owned by the only one.

import type { HostArray } from "../../backend.ts";
import { toFloats, toStored } from "../../elements.ts";
import { DTYPE_BYTES, type DType } from "../../graph.ts";
import type { ThreadPool } from "./thread_pool.ts";
import { clearWords, PAGE, type Words } from "./words.ts";

/** 32-bit addresses: 4 GiB. */
export const MEMORY_PAGES = { initial: 64, maximum: 65536 } as const;

/** Nothing lies at address 0 and close to it. */
const LOWEST = 1024;

/** Where elements of the memory can be read. */
export interface MemoryView {
  readonly buffer: ArrayBufferLike;
  /** The byte of `buffer` that they begin at. */
  readonly at: number;
}

/** Everything is done in the order of the calls, and before the programs that are run later. */
export interface LinearMemory {
  /** The first address that is free to use, and the one after the last. */
  readonly start: number;
  readonly end: number;
  /** Whether `view` shows the memory itself; otherwise a copy. */
  readonly isInPlace: boolean;
  /** @throws RangeError when there are no more pages; from another thread's memory the next program fails instead */
  grow(pages: number): void;
  write(address: number, elements: HostArray): void;
  /** Sets them to 0. */
  clear(words: Words): void;
  /** Lets the system have memory until it is next written, where it can; what it held is lost. */
  giveBack(address: number, bytes: number): void;
  /** Bytes to read at once: they may change at the next `await`. */
  view(address: number, bytes: number): Promise<MemoryView>;
}

/** Memory that the host and all threads work in. */
export class SharedMemory implements LinearMemory {
  readonly start = LOWEST;
  readonly isInPlace = true;
  readonly #memory: WebAssembly.Memory;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  get end(): number {
    return this.#memory.buffer.byteLength;
  }

  grow(pages: number): void {
    this.#memory.grow(pages);
  }

  write(address: number, elements: HostArray): void {
    new Uint8Array(this.#memory.buffer, address, elements.byteLength).set(bytesOf(elements));
  }

  clear(words: Words): void {
    clearWords(this.#memory.buffer, words);
  }

  giveBack(): void {} // WebAssembly's memory only grows

  async view(address: number): Promise<MemoryView> {
    return { buffer: this.#memory.buffer, at: address };
  }
}

/** Memory of the one thread of a pool, where none can be shared: what the host reads and writes is sent. */
export class ThreadMemory implements LinearMemory {
  readonly start = LOWEST;
  readonly isInPlace = false;
  readonly #pool: ThreadPool;
  #end = MEMORY_PAGES.initial * PAGE;

  /** @param pool of one thread, started with `MEMORY_PAGES` */
  constructor(pool: ThreadPool) {
    this.#pool = pool;
  }

  get end(): number {
    return this.#end;
  }

  grow(pages: number): void {
    this.#end += pages * PAGE;
    this.#pool.broadcast({ kind: "grow", pages });
  }

  write(address: number, elements: HostArray): void {
    const data = new ArrayBuffer(elements.byteLength);
    new Uint8Array(data).set(bytesOf(elements));
    this.#pool.broadcast({ kind: "write", address, data }, [data]);
  }

  clear(words: Words): void {
    this.#pool.broadcast({ kind: "clear", ...words });
  }

  giveBack(): void {} // WebAssembly's memory only grows

  async view(address: number, bytes: number): Promise<MemoryView> {
    const [{ data }] = await this.#pool.ask({ kind: "read", address, bytes });
    if (data === undefined) throw new Error("the thread did not send what was read");
    return { buffer: data, at: 0 };
  }
}

/** Elements of one type in memory. */
export interface MemoryElements {
  readonly address: number;
  readonly count: number;
  readonly dtype: DType;
}

/** A copy of elements, as f32. */
export async function readFloats(
  memory: LinearMemory,
  { address, count, dtype }: MemoryElements,
): Promise<Float32Array> {
  const { buffer, at } = await memory.view(address, count * DTYPE_BYTES[dtype]);
  return toFloats(buffer, at, count, dtype);
}

/** A copy of elements: the bits of 16-bit ones, others as f32. */
export async function readStored(
  memory: LinearMemory,
  { address, count, dtype }: MemoryElements,
): Promise<Float32Array | Uint16Array> {
  const { buffer, at } = await memory.view(address, count * DTYPE_BYTES[dtype]);
  return toStored(buffer, at, count, dtype);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: HostArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
