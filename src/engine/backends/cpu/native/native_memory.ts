// Memory outside of JavaScript as the host sees it: addresses for all of it are there from the start, the system is asked
// for memory as it grows.

import type { NativeMachine } from "../../../../platform/native.ts";
import { type HostArray, NativeCodeError } from "../../../backend.ts";
import type { LinearMemory, MemoryView } from "../linear_memory.ts";
import { clearWords, PAGE, type Words } from "../words.ts";

/** Memory is looked at through windows of so many bytes: each is made once, as making one takes longer than most writes. */
const WINDOW = 2 ** 30;
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
  readonly #windows = new Map<number, ArrayBuffer>();
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
    this.#check(address, byteLength);
    const from = new Uint8Array(buffer, byteOffset, byteLength);
    for (let done = 0; done < byteLength; ) {
      const { window, at } = this.#windowOf(address + done);
      const part = from.subarray(done, done + window.byteLength - at);
      new Uint8Array(window, at, part.length).set(part);
      done += part.length;
    }
  }

  clear({ address, count, stride }: Words): void {
    if (count === 0) return;
    const { buffer, at } = this.#view(address, (count - 1) * stride + 4);
    clearWords(buffer, { address: at, count, stride });
  }

  giveBack(address: number, bytes: number): void {
    this.#check(address, bytes);
    const begin = Math.ceil(address / PAGE) * PAGE;
    const end = Math.floor((address + bytes) / PAGE) * PAGE;
    if (end > begin) this.#machine.giveBack(begin, end - begin);
  }

  async view(address: number, bytes: number): Promise<MemoryView> {
    return this.#view(address, bytes);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#windows.clear();
    this.#machine.release(this.start, this.limit);
  }

  #view(address: number, bytes: number): MemoryView {
    this.#check(address, bytes);
    const { window, at } = this.#windowOf(address);
    if (at + bytes <= window.byteLength) return { buffer: window, at };
    return { buffer: this.#machine.view(address, bytes), at: 0 };
  }

  #windowOf(address: number): { readonly window: ArrayBuffer; readonly at: number } {
    const index = Math.floor((address - this.start) / WINDOW);
    const begin = index * WINDOW;
    const known = this.#windows.get(index);
    const window = known ?? this.#machine.view(this.start + begin, Math.min(WINDOW, this.limit - begin));
    this.#windows.set(index, window);
    return { window, at: address - this.start - begin };
  }

  #check(address: number, bytes: number): void {
    if (this.#released) throw new Error("the backend was closed");
    if (address < this.start || address + bytes > this.end)
      throw new RangeError(`${bytes} bytes at ${address}: outside of the backend's memory`);
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
