/**
 * Which images make up which batch. Every epoch is a fresh shuffle of all images; the shuffles are laid end to end
 * and cut into batches, so every batch is full (programs have static shapes) and may span two epochs, where a
 * PyTorch DataLoader would end the epoch with a smaller batch. Everything follows from (seed, step) alone, so a run
 * that is resumed at a step goes on as if it had never stopped.
 */
import { philox4x32 } from "../engine/random/philox.ts";
import type { ImageSource } from "./image_source.ts";

/** Sets these streams apart from those of tensor programs, whose last counter word is 0. */
const SHUFFLE = 1;
const FLIP = 2;

export interface BatchSamplerOptions {
  /** Number of images. */
  readonly count: number;
  readonly batchSize: number;
  /** 0 .. 2^53-1. */
  readonly seed: number;
  /** Whether to mirror images at random: a coin for every (seed, epoch, image); default false. */
  readonly flip?: boolean;
}

export interface Batch {
  /** [batchSize], each 0 .. count-1. */
  readonly indices: Uint32Array;
  /** [batchSize], 1 where the image is mirrored left to right. */
  readonly flips: Uint8Array;
}

export class BatchSampler {
  readonly count: number;
  readonly batchSize: number;
  readonly flip: boolean;
  private readonly key: Uint32Array;
  private readonly shuffles = new Map<number, Uint32Array>();

  /** @throws RangeError if an option is out of range */
  constructor({ count, batchSize, seed, flip = false }: BatchSamplerOptions) {
    this.count = whole("count", count, 1, 2 ** 32 - 1);
    this.batchSize = whole("batchSize", batchSize, 1, 2 ** 24);
    this.flip = flip;
    whole("seed", seed, 0, Number.MAX_SAFE_INTEGER);
    this.key = new Uint32Array([seed % 2 ** 32, Math.floor(seed / 2 ** 32)]);
  }

  /** The epoch, from 0, that the first image of a step's batch belongs to. */
  epochOf(step: number): number {
    return Math.floor((step * this.batchSize) / this.count);
  }

  /** How many steps it takes to have seen every image `epochs` times. */
  stepsFor(epochs: number): number {
    return Math.ceil((epochs * this.count) / this.batchSize);
  }

  /** The batch of a step, from 0. */
  batch(step: number): Batch {
    const start = whole("step", step, 0, Number.MAX_SAFE_INTEGER / this.batchSize) * this.batchSize;
    const indices = new Uint32Array(this.batchSize);
    const flips = new Uint8Array(this.batchSize);
    for (let j = 0; j < this.batchSize; j++) {
      const epoch = Math.floor((start + j) / this.count);
      const index = this.shuffle(epoch)[(start + j) % this.count]!;
      indices[j] = index;
      if (this.flip) flips[j] = this.word(index, epoch, FLIP) & 1;
    }
    return { indices, flips };
  }

  /** The order of an epoch: Fisher and Yates' shuffle. The last few are kept. */
  private shuffle(epoch: number): Uint32Array {
    const known = this.shuffles.get(epoch);
    if (known !== undefined) return known;
    const order = Uint32Array.from({ length: this.count }, (_, i) => i);
    for (let i = this.count - 1; i > 0; i--) {
      // A 32-bit word scaled to 0..i: off from uniform by less than i / 2^32.
      const j = Math.floor((this.word(i, epoch, SHUFFLE) / 2 ** 32) * (i + 1));
      const held = order[i]!;
      order[i] = order[j]!;
      order[j] = held;
    }
    const [oldest] = this.shuffles.keys();
    if (oldest !== undefined && this.shuffles.size >= 2) this.shuffles.delete(oldest);
    this.shuffles.set(epoch, order);
    return order;
  }

  private word(item: number, epoch: number, stream: number): number {
    const counter = new Uint32Array([item, epoch % 2 ** 32, Math.floor(epoch / 2 ** 32), stream]);
    philox4x32(counter, this.key, counter);
    return counter[0]!;
  }
}

/**
 * The images of a batch as a model takes them: float32, [batch, height, width, channels], x / 127.5 - 1.
 * @param out where to put them; made if left out
 * @throws RangeError if `out` or `flips` does not fit
 */
export function fillBatch(
  source: ImageSource,
  { indices, flips }: Batch,
  out: Float32Array = new Float32Array(indices.length * valuesPerImage(source)),
): Float32Array {
  const values = valuesPerImage(source);
  if (out.length !== indices.length * values || flips.length !== indices.length) {
    throw new RangeError(
      `fillBatch: ${indices.length} images of ${values} values need out of ${indices.length * values}` +
        ` and ${indices.length} flips; given ${out.length} and ${flips.length}`,
    );
  }
  for (const [n, index] of indices.entries()) {
    const pixels = source.image(index);
    const start = n * values;
    if (flips[n] === 1) {
      fillMirrored(out, start, pixels, source);
    } else {
      for (let i = 0; i < values; i++) out[start + i] = pixels[i]! / 127.5 - 1;
    }
  }
  return out;
}

function fillMirrored(out: Float32Array, start: number, pixels: Uint8Array, source: ImageSource): void {
  const { channels } = source;
  const { width, height } = source.size;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + width - 1 - x) * channels;
      const to = start + (y * width + x) * channels;
      for (let c = 0; c < channels; c++) out[to + c] = pixels[from + c]! / 127.5 - 1;
    }
  }
}

function valuesPerImage({ size, channels }: ImageSource): number {
  return size.height * size.width * channels;
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`BatchSampler: ${name} is ${value}; give a whole number from ${least} to ${most}`);
}
