// Many small reads of a file, near to each other, through one block in memory.
import type { OpenFile } from "../platform/platform.ts";

export class BlockReader {
  readonly #file: OpenFile;
  readonly #size: number;
  readonly #blockBytes: number;
  #start = 0;
  #block = new Uint8Array(0);

  /** @param size of the file. @param blockBytes read at a time */
  constructor(file: OpenFile, size: number, blockBytes: number) {
    this.#file = file;
    this.#size = size;
    this.#blockBytes = blockBytes;
  }

  /** @throws Error if the file ends before */
  async read(position: number, length: number): Promise<Uint8Array> {
    if (!(position >= 0 && position + length <= this.#size)) throw new Error("unexpected EOF");
    const at = position - this.#start;
    if (at >= 0 && at + length <= this.#block.length) return this.#block.subarray(at, at + length);
    const wanted = Math.min(Math.max(length, this.#blockBytes), this.#size - position);
    this.#block = new Uint8Array(await this.#file.read(position, wanted));
    this.#start = position;
    return this.#block.subarray(0, length);
  }
}
