// Instructions as words of 32 bits, with branches to places that are not known yet and constants behind them.
//
// A conditional branch and a load of a constant reach 1 MiB. Where what they refer to may come to lie farther away, an
// island is written between two instructions: the constants, and a branch of long reach for each of those places.

import { type Label, newLabel } from "../label.ts";

/** How far 19 bits of words reach. */
const REACH = 2 ** 20;
/** How far 26 bits of words reach. */
const FAR_REACH = 2 ** 27;
/** More than an island's own branch and what aligns its constants. */
const SLACK = 64;

const BRANCH = 0x14000000;
const NOP = 0xd503201f;

/** A field to fill at the end: 26 bits of a branch, or 16 + 16 of two moves whose distance counts from `from`. */
interface Later {
  readonly at: number;
  readonly target: Label;
  readonly from: number;
  readonly kind: "branch" | "moves";
}

export class Words {
  #bytes = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  readonly #later: Later[] = [];
  /** Words with a field of 19 bits for a place that is not bound yet. */
  readonly #near = new Map<Label, number[]>();
  readonly #constants = new Map<string, { readonly words: readonly number[]; readonly uses: number[] }>();
  /** Where the first of these is, and the bytes that an island for all of them has. */
  #oldest = Number.POSITIVE_INFINITY;
  #islandBytes = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Appends an instruction. */
  protected word(word: number): void {
    this.#room();
    this.#put(word);
  }

  /** A branch of long reach, with or without a link. */
  protected farBranch(word: number, target: Label): void {
    this.#room();
    this.#putBranch(word, target);
  }

  /** A conditional branch; `opposite` is the one that branches where this one does not. */
  protected nearBranch(word: number, opposite: number, target: Label): void {
    this.#room();
    const at = this.#length;
    if (target.at !== undefined) {
      if (at - target.at < REACH) {
        this.#put(field19(word, target.at - at));
      } else {
        this.#put(field19(opposite, 8));
        this.#putBranch(BRANCH, target);
      }
      return;
    }
    this.#put(word);
    const uses = this.#near.get(target);
    if (uses === undefined) this.#near.set(target, [at]);
    else uses.push(at);
    this.#waits(at, 4);
  }

  /** An instruction that loads a constant of one, two or four words. */
  protected loadConstant(word: number, words: readonly number[]): void {
    this.#room();
    const at = this.#length;
    this.#put(word);
    const key = words.join();
    const constant = this.#constants.get(key);
    if (constant === undefined) this.#constants.set(key, { words, uses: [at] });
    else constant.uses.push(at);
    this.#waits(at, constant === undefined ? 4 * words.length : 0);
  }

  /** An instruction that gives its own address, then two moves of 16 bits, for the distance of a label from there. */
  protected distance(own: number, low: number, high: number, target: Label): void {
    this.#room();
    const from = this.#length;
    for (const word of [own, low, high]) this.#put(word);
    this.#later.push({ at: from + 4, target, from, kind: "moves" });
  }

  bind(label: Label): void {
    label.at = this.#length;
    const uses = this.#near.get(label);
    if (uses === undefined) return;
    for (const use of uses) this.#fill19(use, this.#length);
    this.#near.delete(label);
    this.#islandBytes -= 4 * uses.length;
    if (this.#near.size + this.#constants.size === 0) this.#oldest = Number.POSITIVE_INFINITY;
  }

  /** Fills with instructions that do nothing. */
  align(bytes: number): void {
    while (this.#length % bytes !== 0) this.#put(NOP);
  }

  /** 64-bit words as data: the distance of each label from `from`. */
  offsets(from: Label, labels: readonly Label[]): void {
    for (const { at } of labels) {
      if (at === undefined || from.at === undefined)
        throw new Error("an offset to a label that is not bound");
      this.#put(at - from.at);
      this.#put(at < from.at ? -1 : 0);
    }
  }

  /** Writes the constants of what was written, here where nothing runs. */
  placeConstants(): void {
    const sorted = [...this.#constants.values()].sort((a, b) => b.words.length - a.words.length);
    for (const { words, uses } of sorted) {
      this.align(4 * words.length);
      for (const use of uses) this.#fill19(use, this.#length);
      for (const word of words) this.#put(word);
      this.#islandBytes -= 4 * words.length;
    }
    this.#constants.clear();
    if (this.#near.size === 0) this.#oldest = Number.POSITIVE_INFINITY;
  }

  /** The code with its constants. Throws where a label was never bound. */
  finish(): Uint8Array {
    this.placeConstants();
    if (this.#near.size > 0) throw new Error("a jump to a label that is not bound");
    for (const { at, target, from, kind } of this.#later) {
      if (target.at === undefined) throw new Error("a jump to a label that is not bound");
      const distance = target.at - from;
      if (kind === "moves") {
        this.#or(at, (distance & 0xffff) << 5);
        this.#or(at + 4, ((distance >> 16) & 0xffff) << 5);
      } else {
        if (Math.abs(distance) >= FAR_REACH) throw new RangeError("machine code of more than 128 MiB");
        this.#or(at, (distance >> 2) & 0x3ffffff);
      }
    }
    return this.#bytes.slice(0, this.#length);
  }

  /** Writes an island if there may be no other place for it. */
  #room(): void {
    if (this.#length - this.#oldest + this.#islandBytes + SLACK >= REACH) this.#island();
  }
  #putBranch(word: number, target: Label): void {
    const at = this.#length;
    this.#put(word);
    this.#later.push({ at, target, from: at, kind: "branch" });
  }
  #put(word: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#view.setInt32(this.#length, word, true);
    this.#length += 4;
  }
  #or(at: number, bits: number): void {
    this.#view.setInt32(at, this.#view.getInt32(at, true) | bits, true);
  }
  #fill19(at: number, target: number): void {
    this.#view.setInt32(at, field19(this.#view.getInt32(at, true), target - at), true);
  }
  #waits(at: number, bytes: number): void {
    this.#oldest = Math.min(this.#oldest, at);
    this.#islandBytes += bytes;
  }

  #island(): void {
    const past = newLabel();
    this.#putBranch(BRANCH, past);
    for (const [label, uses] of this.#near) {
      for (const use of uses) this.#fill19(use, this.#length);
      this.#putBranch(BRANCH, label);
    }
    this.#near.clear();
    this.placeConstants();
    this.#islandBytes = 0;
    this.bind(past);
  }
}

/** The word with a distance in bits 5 to 23. */
function field19(word: number, distance: number): number {
  if (Math.abs(distance) >= REACH) throw new RangeError("a branch that does not reach");
  return word | (((distance >> 2) & 0x7ffff) << 5);
}
