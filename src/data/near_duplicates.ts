// Finds images that look alike: copies of a picture, saved again, scaled, or slightly lighter. Images are compared at
// their training size, by two measures: a difference hash (Krawetz 2013, "Kind of like that"), which stores for each of
// 16 x 16 cells whether it is darker than its right neighbour and may differ in at most `MAX_DISTANCE` bits; and the
// mean colours of 4 x 4 cells, which may differ by at most `MAX_COLOR_STEP` of 255 on average. Without colours, all
// plain images would be alike.
import { withChannels } from "../io/image/index.ts";
import { type Cooperation, cooperate, partOf } from "../platform/cooperative.ts";
import type { ImageSource } from "./image_source.ts";
import { ownImage } from "./source_image.ts";

const GRID = 16;
const WORDS = (GRID * GRID) / 32;
const COLOR_GRID = 4;
/** Smallest difference (of 255) that sets a bit: smaller ones are compression noise on plain ground. */
const STEP = 3;
const MAX_DISTANCE = WORDS - 1;
const MAX_COLOR_STEP = 8;
/** Limit on the collected pairs: a data set that repeats one image has far too many. */
const MAX_PAIRS = 10_000;

/** The criterion of near-duplicates, in a line for people. */
export const JUDGED_BY = `difference hash of ${GRID} x ${GRID} bits at most ${MAX_DISTANCE} bits apart, and mean colours of ${COLOR_GRID} x ${COLOR_GRID} places at most ${MAX_COLOR_STEP} of 255`;

/** Two images, the first before the second. */
export interface NearPair {
  /** Index of the image that comes first. */
  readonly first: number;
  /** Index of the other one. */
  readonly second: number;
  /** Number of the hash's 256 bits that differ: 0 to `MAX_DISTANCE`. */
  readonly distance: number;
}

/** Pairs of images that look alike. */
export interface NearDuplicates {
  /** Sorted by first image, then by second. */
  readonly pairs: readonly NearPair[];
  /** False where there are more than `MAX_PAIRS`. */
  readonly isComplete: boolean;
}

/** Share of the work that looking at every image is; comparing them is the rest. */
const LOOKING = 0.9;

/**
 * Finds pairs of images that look alike, such as copies in another size or file format.
 * @throws the signal's reason
 */
export async function nearDuplicates(
  source: ImageSource,
  cooperation: Cooperation = {},
): Promise<NearDuplicates> {
  const { count } = source;
  const hashes = new Uint32Array(count * WORDS);
  const channels = source.channels === 1 ? 1 : 3;
  const colors = new Uint8Array(count * COLOR_GRID * COLOR_GRID * channels);
  const signature = new Signature(source.size, channels);
  const breathe = cooperate(partOf(cooperation, 0, LOOKING));
  for (let index = 0; index < count; index++) {
    signature.write(withChannels(ownImage(source, index), channels).data, index, hashes, colors);
    await breathe((index + 1) / count);
  }
  return findPairs(count, hashes, colors, partOf(cooperation, LOOKING, 1 - LOOKING));
}

/**
 * Compares only images whose hashes share a word: two hashes that differ in fewer bits than they have words always
 * share one.
 * @param hashes [count, WORDS]
 * @param colors [count, ...]
 */
async function findPairs(
  count: number,
  hashes: Uint32Array,
  colors: Uint8Array,
  cooperation: Cooperation,
): Promise<NearDuplicates> {
  const breathe = cooperate(cooperation);
  const pairs: NearPair[] = [];
  const perImage = colors.length / count;
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let word = 0; word < WORDS; word++) {
    const key = (index: number): number => hashes[index * WORDS + word] ?? 0;
    order.sort((a, b) => key(a) - key(b) || a - b);
    for (let start = 0; start < count; start++) {
      await breathe((word + start / count) / WORDS);
      const first = order[start] ?? 0;
      for (let i = start + 1; i < count; i++) {
        const second = order[i] ?? 0;
        if (key(second) !== key(first)) break;
        if (sharedBefore(hashes, first, second, word)) continue;
        const distance = hammingDistance(hashes, first, second);
        if (distance > MAX_DISTANCE || colorStep(colors, first, second, perImage) > MAX_COLOR_STEP) continue;
        if (pairs.length === MAX_PAIRS) return { pairs: sorted(pairs), isComplete: false };
        pairs.push({ first, second, distance });
      }
    }
  }
  return { pairs: sorted(pairs), isComplete: true };
}

const sorted = (pairs: NearPair[]): NearPair[] =>
  pairs.sort((a, b) => a.first - b.first || a.second - b.second);

/** Whether an earlier word already matched two images. */
function sharedBefore(hashes: Uint32Array, a: number, b: number, word: number): boolean {
  for (let i = 0; i < word; i++) if (hashes[a * WORDS + i] === hashes[b * WORDS + i]) return true;
  return false;
}

function hammingDistance(hashes: Uint32Array, a: number, b: number): number {
  let distance = 0;
  for (let i = 0; i < WORDS && distance <= MAX_DISTANCE; i++) {
    distance += bitCount((hashes[a * WORDS + i] ?? 0) ^ (hashes[b * WORDS + i] ?? 0));
  }
  return distance;
}

function bitCount(word: number): number {
  word -= (word >>> 1) & 0x5555_5555;
  word = (word & 0x3333_3333) + ((word >>> 2) & 0x3333_3333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

function colorStep(colors: Uint8Array, a: number, b: number, perImage: number): number {
  let sum = 0;
  for (let i = 0; i < perImage; i++) {
    sum += Math.abs((colors[a * perImage + i] ?? 0) - (colors[b * perImage + i] ?? 0));
  }
  return sum / perImage;
}

/** Computes hash and colours of images of one size. */
class Signature {
  readonly #channels: number;
  readonly #width: number;
  readonly #hashCells: CellGrid;
  readonly #colorCells: CellGrid;
  /** The hash bit of each cell. Neighbours are far apart, so that every word covers the whole image. */
  readonly #bitOf = Uint32Array.from({ length: GRID * GRID }, (_, i) => (i * 97) % (GRID * GRID));

  constructor(size: ImageSource["size"], channels: 1 | 3) {
    this.#channels = channels;
    this.#width = size.width;
    this.#hashCells = new CellGrid(size.height, size.width, GRID, GRID + 1);
    this.#colorCells = new CellGrid(size.height, size.width, COLOR_GRID, COLOR_GRID);
  }

  write(pixels: Uint8Array, index: number, hashes: Uint32Array, colors: Uint8Array): void {
    const gray = this.#hashCells.means(this.#gray(pixels), this.#width, 1);
    for (let i = 0; i < GRID * GRID; i++) {
      const at = Math.floor(i / GRID) * (GRID + 1) + (i % GRID);
      if ((gray[at + 1] ?? 0) - (gray[at] ?? 0) <= STEP) continue;
      const bit = this.#bitOf[i] ?? 0;
      const word = index * WORDS + (bit >>> 5);
      hashes[word] = ((hashes[word] ?? 0) | (1 << (bit & 31))) >>> 0;
    }
    const means = this.#colorCells.means(pixels, this.#width, this.#channels);
    colors.set(
      means.map((mean) => Math.round(mean)),
      index * means.length,
    );
  }

  /** ITU-R BT.601 luma. */
  #gray(pixels: Uint8Array): Uint8Array | Float32Array {
    if (this.#channels === 1) return pixels;
    const gray = new Float32Array(pixels.length / 3);
    for (let i = 0; i < gray.length; i++) {
      const [r = 0, g = 0, b = 0] = [pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]];
      gray[i] = 0.299 * r + 0.587 * g + 0.114 * b;
    }
    return gray;
  }
}

/** Means over rectangles that divide an image evenly; pixels on an edge are weighted by the part inside. */
class CellGrid {
  readonly #rows: readonly Span[];
  readonly #columns: readonly Span[];

  constructor(height: number, width: number, rows: number, columns: number) {
    this.#rows = spans(height, rows);
    this.#columns = spans(width, columns);
  }

  /** [rows, columns, channels] */
  means(pixels: Uint8Array | Float32Array, width: number, channels: number): Float32Array {
    const out = new Float32Array(this.#rows.length * this.#columns.length * channels);
    let at = 0;
    for (const row of this.#rows) {
      for (const column of this.#columns) {
        for (let c = 0; c < channels; c++) {
          let sum = 0;
          for (let y = 0; y < row.weights.length; y++) {
            const line = (row.first + y) * width + column.first;
            const weight = row.weights[y] ?? 0;
            for (let x = 0; x < column.weights.length; x++) {
              sum += weight * (column.weights[x] ?? 0) * (pixels[(line + x) * channels + c] ?? 0);
            }
          }
          out[at++] = sum;
        }
      }
    }
    return out;
  }
}

/** A cell along one axis: its first pixel, and each pixel's share of the cell. */
interface Span {
  readonly first: number;
  readonly weights: Float64Array;
}

function spans(pixels: number, cells: number): Span[] {
  return Array.from({ length: cells }, (_, i) => {
    const from = (i * pixels) / cells;
    const to = ((i + 1) * pixels) / cells;
    const first = Math.floor(from);
    const weights = new Float64Array(Math.ceil(to) - first);
    for (let k = 0; k < weights.length; k++) {
      weights[k] = (Math.min(to, first + k + 1) - Math.max(from, first + k)) / (to - from);
    }
    return { first, weights };
  });
}
