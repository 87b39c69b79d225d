// All decoded images of a source, wherever their pixels are, and the records of broken ones.
import { hashing } from "#platform";
import type { Hasher } from "../../platform/platform.ts";
import type { BrokenRecord, GoodRecord } from "./decode.ts";
import type { FormKey } from "./form.ts";

/** An image that cannot be read. */
export interface BrokenImage {
  /** Its name in the source. */
  readonly file: string;
  /** What is wrong with it, in a few words. */
  readonly problem: string;
}

/** Properties of the original files, by image. */
export interface Originals {
  /** In pixels. */
  readonly widths: Uint32Array;
  /** In pixels. */
  readonly heights: Uint32Array;
  /** Format and channels: "jpeg, 3 channels". */
  readonly kinds: readonly string[];
}

export interface DecodedRecords {
  /** For each image, its index in the source. */
  readonly indices: Uint32Array;
  readonly originals: Originals;
  readonly broken: readonly BrokenImage[];
  /** Hash of the readable images' names, bytes and form. */
  readonly fingerprint: string;
}

/** Collects records in the order of the images. */
export class RecordBuilder {
  readonly #nameOf: (index: number) => string;
  readonly #hash: Hasher;
  readonly #indices: Uint32Array;
  readonly #widths: Uint32Array;
  readonly #heights: Uint32Array;
  readonly #kinds: string[] = [];
  /** Stores each kind once: a hundred thousand images share a few. */
  readonly #distinct = new Map<string, string>();
  readonly #broken: BrokenImage[] = [];
  #seen = 0;
  #good = 0;

  constructor(count: number, size: FormKey, nameOf: (index: number) => string) {
    this.#nameOf = nameOf;
    this.#hash = hashing.hasher("sha256").update(JSON.stringify(["folder-1", size]));
    this.#indices = new Uint32Array(count);
    this.#widths = new Uint32Array(count);
    this.#heights = new Uint32Array(count);
  }

  /** Number of readable images so far. */
  get good(): number {
    return this.#good;
  }

  add(record: GoodRecord | BrokenRecord): void {
    const index = this.#seen++;
    const file = this.#nameOf(index);
    if ("problem" in record) {
      this.#broken.push({ file, problem: record.problem });
      return;
    }
    const { width, height, kind, digest } = record;
    this.#hash.update(JSON.stringify([file, digest]));
    this.#indices[this.#good] = index;
    this.#widths[this.#good] = width;
    this.#heights[this.#good] = height;
    const same = this.#distinct.get(kind) ?? kind;
    this.#distinct.set(kind, same);
    this.#kinds.push(same);
    this.#good++;
  }

  /** Call once, after the last record. */
  finish(): DecodedRecords {
    const good = this.#good;
    return {
      indices: this.#indices.slice(0, good),
      originals: {
        widths: this.#widths.slice(0, good),
        heights: this.#heights.slice(0, good),
        kinds: this.#kinds,
      },
      broken: this.#broken,
      fingerprint: `sha256:${this.#hash.digest()}`,
    };
  }
}

/** Records with their pixels. */
export interface DecodedSet extends DecodedRecords {
  /** Image `index`, [height, width, channels]; the index must be in range. */
  image(index: number): Uint8Array;
  close(): void;
}
