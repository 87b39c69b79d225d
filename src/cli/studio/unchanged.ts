// What was read of files that did not change since: a page asks for all runs every second.

import { stat } from "node:fs/promises";

/** Reads files again only when their time or size is another. */
export class Unchanged<T> {
  readonly #read: (path: string) => Promise<T>;
  readonly #most: number;
  readonly #known = new Map<string, { readonly stamp: string; readonly value: T }>();

  /** @param most files whose content is kept */
  constructor(read: (path: string) => Promise<T>, most: number) {
    this.#read = read;
    this.#most = most;
  }

  /** @throws what reading throws, and errors of a file that is not there */
  async read(path: string): Promise<T> {
    const { mtimeMs, size, ino } = await stat(path);
    const stamp = `${mtimeMs} ${size} ${ino}`;
    const known = this.#known.get(path);
    if (known?.stamp === stamp) return known.value;
    const value = await this.#read(path);
    this.#known.delete(path);
    this.#known.set(path, { stamp, value });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= this.#most) break;
      this.#known.delete(oldest);
    }
    return value;
  }
}
