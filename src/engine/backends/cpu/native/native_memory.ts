// Memory outside of JavaScript as the host sees it: addresses for all of it are there from the start, the system is asked
// for memory as it grows.

import type { NativeMachine } from "../../../../platform/native.ts";
import { type HostArray, NativeCodeError } from "../../../backend.ts";
import type { LinearMemory, MemoryView } from "../linear_memory.ts";
import { clearWords, PAGE, type Words } from "../words.ts";

/** Most bytes looked at as one. */
const MOST = 2 ** 30;
/** Fewest bytes worth having, where the system gives less than is wanted. */
const LEAST = 2 ** 28;

/** The system is asked for so many bytes at once. */
const GROWTH = 2 ** 26;

export class NativeMemory implements LinearMemory {
  readonly isInPlace = true;
  readonly start: number;
  /** Most bytes that it can have. */
  readonly limit: number;
  #bytes = 0;
  readonly #machine: NativeMachine;
  #released = false;

  /** Takes half as much, and half of that, where the system refuses. @throws NativeCodeError when that is too little */
  constructor(machine: NativeMachine, bytes: number) {
    this.#machine = machine;
    const { start, given } = reserve(machine, bytes);
    this.start = start;
    this.limit = given;
  }

  get end(): number {
    return this.start + this.#bytes;
  }

  grow(pages: number): void {
    const wanted = this.#bytes + pages * PAGE;
    if (wanted > this.limit) throw new RangeError(`${wanted} bytes: this memory has at most ${this.limit}`);
    const bytes = Math.min(this.limit, Math.ceil(wanted / GROWTH) * GROWTH);
    this.#machine.commit(this.end, bytes - this.#bytes);
    this.#bytes = bytes;
  }

  write(address: number, { buffer, byteOffset, byteLength }: HostArray): void {
    const from = new Uint8Array(buffer, byteOffset, byteLength);
    for (let at = 0; at < byteLength; at += MOST) {
      const part = from.subarray(at, at + MOST);
      new Uint8Array(this.#view(address + at, part.length)).set(part);
    }
  }

  clear({ address, count, stride }: Words): void {
    if (count === 0) return;
    clearWords(this.#view(address, (count - 1) * stride + 4), { address: 0, count, stride });
  }

  async view(address: number, bytes: number): Promise<MemoryView> {
    return { buffer: this.#view(address, bytes), at: 0 };
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#machine.release(this.start, this.limit);
  }

  #view(address: number, bytes: number): ArrayBuffer {
    if (this.#released) throw new Error("the backend was closed");
    if (address < this.start || address + bytes > this.end)
      throw new RangeError(`${bytes} bytes at ${address}: outside of the backend's memory`);
    return this.#machine.view(address, bytes);
  }
}

function reserve(machine: NativeMachine, bytes: number): { readonly start: number; readonly given: number } {
  try {
    return { start: machine.reserve(bytes), given: bytes };
  } catch (error) {
    const half = Math.floor(bytes / 2 / PAGE) * PAGE;
    if (half >= LEAST) return reserve(machine, half);
    throw new NativeCodeError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
