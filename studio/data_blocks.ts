// The images of a wall, a block at a time: what is known of them, and their small pictures. Blocks that were not seen for
// long are forgotten.

import type { Pictures } from "./engine/messages.ts";
import { type DataPlace, type Entry, MOST_AT_ONCE } from "./places/data_place.ts";

/** Longest side of a small picture (pixels). */
const SIDE = 96;
/** Blocks that are kept: some thousand small pictures. */
const MOST_KEPT = 32;
/** Blocks that are asked for at once. */
const MOST_ASKED = 2;

/** A part of a data set, in its order. */
export interface Part {
  readonly place: DataPlace;
  readonly id: string;
  readonly label: number | null;
  readonly count: number;
}

export interface Shown {
  readonly entry: Entry;
  readonly pictures: Pictures;
  /** Of its picture among them. */
  readonly at: number;
}

interface Block {
  readonly entries: readonly Entry[];
  readonly pictures: Pictures;
}

export class DataBlocks {
  readonly part: Part;
  readonly #isOpen: () => boolean;
  readonly #tell: (problem: string | null) => void;
  /** By number; the one that was seen last is the last. */
  readonly #known = new Map<number, Block>();
  readonly #asked = new Set<number>();
  #wanted: readonly number[] = [];

  /**
   * @param isOpen whether the data set can still be asked
   * @param tell called when a block has come, or with the reason why one cannot be had
   */
  constructor(part: Part, isOpen: () => boolean, tell: (problem: string | null) => void) {
    this.part = part;
    this.#isOpen = isOpen;
    this.#tell = tell;
  }

  /** The image at a place of the wall; undefined while it is not here. */
  at(position: number): Shown | undefined {
    const block = this.#known.get(Math.floor(position / MOST_AT_ONCE));
    const at = position % MOST_AT_ONCE;
    const entry = block?.entries[at];
    return block === undefined || entry === undefined ? undefined : { entry, pictures: block.pictures, at };
  }

  /** Asks for the images from `first` to `last`, in place of those that were wanted before. */
  want(first: number, last: number): void {
    const [from, to] = [first, Math.min(last, this.part.count - 1)].map((i) => Math.floor(i / MOST_AT_ONCE));
    const wanted = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
    for (const number of wanted) {
      const block = this.#known.get(number);
      if (block === undefined) continue;
      this.#known.delete(number);
      this.#known.set(number, block);
    }
    this.#wanted = wanted.filter((number) => !this.#known.has(number));
    this.#ask();
  }

  #ask(): void {
    for (const number of this.#wanted) {
      if (this.#asked.size >= MOST_ASKED || !this.#isOpen()) return;
      if (this.#asked.has(number)) continue;
      this.#asked.add(number);
      this.#wanted = this.#wanted.filter((other) => other !== number);
      // What does not come is asked for again when it is seen again.
      void this.#load(number)
        .catch((error: unknown) => {
          if (this.#isOpen()) this.#tell(error instanceof Error ? error.message : String(error));
        })
        .finally(() => {
          this.#asked.delete(number);
          this.#ask();
        });
    }
  }

  async #load(number: number): Promise<void> {
    const { place, id, label } = this.part;
    const choice = { from: number * MOST_AT_ONCE, count: MOST_AT_ONCE, label };
    const entries = await place.entries(id, choice);
    if (!this.#isOpen()) return;
    const pictures = await place.pictures(
      id,
      entries.map(({ index }) => index),
      SIDE,
    );
    this.#known.set(number, { entries, pictures });
    for (const oldest of [...this.#known.keys()].slice(0, -MOST_KEPT)) this.#known.delete(oldest);
    this.#tell(null);
  }
}
