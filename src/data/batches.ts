// Which images make up which batch. Every epoch is a fresh shuffle of all images; the shuffles are laid end to end
// and cut into batches, so every batch is full (programs have static shapes) and may span two epochs, where a
// PyTorch DataLoader would end the epoch with a smaller batch. Everything follows from (seed, step) alone, so a run
// that is resumed at a step goes on as if it had never stopped.
import { type AugmentDraw, drawAugmentation } from "./augment/draw.ts";
import { CONDITION_SIZE, edmCondition } from "./augment/edm.ts";
import { fillImage } from "./augment/fill.ts";
import {
  AUGMENT_LIMITS,
  AUGMENT_OPTIONS,
  type AugmentOptions,
  isAugmenting,
  NO_AUGMENTATION,
} from "./augment/options.ts";
import type { ImageSource } from "./image_source.ts";
import { ItemRandom, STREAM } from "./item_random.ts";

/** What batches are drawn from, and how. */
export interface BatchSamplerOptions {
  /** Number of images. */
  readonly count: number;
  readonly batchSize: number;
  /** 0 .. 2^53-1. */
  readonly seed: number;
  /** Whether to mirror images at random: a coin for every (seed, epoch, image); default false. */
  readonly flip?: boolean;
  /** What else is done to images at random, drawn for every (seed, epoch, image); default nothing. */
  readonly augment?: Partial<AugmentOptions>;
}

/** Which images make up a step's batch, and what is done to each. */
export interface Batch {
  /** [batchSize], each 0 .. count-1. */
  readonly indices: Uint32Array;
  /** [batchSize], 1 where the image is mirrored left to right. */
  readonly flips: Uint8Array;
  /** [batchSize], what else is done to each image; left out where nothing is. */
  readonly draws?: readonly AugmentDraw[];
}

/** Draws batches: every image once an epoch, in an order that follows from seed and epoch alone. */
export class BatchSampler {
  readonly count: number;
  readonly batchSize: number;
  readonly flip: boolean;
  readonly augment: AugmentOptions;
  private readonly random: ItemRandom;
  private readonly shuffles = new Map<number, Uint32Array>();

  /** @throws RangeError if an option is out of range */
  constructor({ count, batchSize, seed, flip = false, augment = {} }: BatchSamplerOptions) {
    this.count = whole("count", count, 1, 2 ** 32 - 1);
    this.batchSize = whole("batchSize", batchSize, 1, 2 ** 24);
    this.flip = flip;
    this.augment = checkedAugment({ ...NO_AUGMENTATION, ...augment });
    this.random = new ItemRandom(whole("seed", seed, 0, Number.MAX_SAFE_INTEGER));
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
    const shown = Array.from({ length: this.batchSize }, (_, j) => {
      const epoch = Math.floor((start + j) / this.count);
      return { epoch, index: this.shuffle(epoch)[(start + j) % this.count] };
    });
    return this.batchOf(shown);
  }

  /** Images as an epoch, from 0, shows them. */
  inEpoch(epoch: number, indices: readonly number[]): Batch {
    whole("epoch", epoch, 0, Number.MAX_SAFE_INTEGER);
    return this.batchOf(indices.map((index) => ({ epoch, index: whole("index", index, 0, this.count - 1) })));
  }

  private batchOf(shown: readonly { readonly epoch: number; readonly index: number }[]): Batch {
    const { augment, random } = this;
    return {
      indices: Uint32Array.from(shown, ({ index }) => index),
      flips: Uint8Array.from(shown, ({ index, epoch }) =>
        this.flip ? random.words(index, epoch, STREAM.flip)[0] & 1 : 0,
      ),
      ...(isAugmenting(augment) && {
        draws: shown.map(({ index, epoch }) => drawAugmentation(augment, random, index, epoch)),
      }),
    };
  }

  /** The order of an epoch: Fisher and Yates' shuffle. The last few are kept. */
  private shuffle(epoch: number): Uint32Array {
    const known = this.shuffles.get(epoch);
    if (known !== undefined) return known;
    const order = Uint32Array.from({ length: this.count }, (_, i) => i);
    for (let i = this.count - 1; i > 0; i--) {
      // A 32-bit word scaled to 0..i: off from uniform by less than i / 2^32.
      const j = Math.floor((this.random.words(i, epoch, STREAM.shuffle)[0] / 2 ** 32) * (i + 1));
      const held = order[i];
      order[i] = order[j];
      order[j] = held;
    }
    const [oldest] = this.shuffles.keys();
    if (oldest !== undefined && this.shuffles.size >= 2) this.shuffles.delete(oldest);
    this.shuffles.set(epoch, order);
    return order;
  }
}

/**
 * The images of a batch as a model takes them: float32, [batch, height, width, channels], x / 127.5 - 1.
 * @param out where to put them; made if left out
 * @throws RangeError if `out`, `flips` or `draws` does not fit
 */
export function fillBatch(
  source: ImageSource,
  { indices, flips, draws }: Batch,
  out: Float32Array = new Float32Array(indices.length * valuesPerImage(source)),
): Float32Array {
  const values = valuesPerImage(source);
  const count = indices.length;
  if (out.length !== count * values || flips.length !== count || (draws && draws.length !== count)) {
    throw new RangeError(
      `fillBatch: ${count} images of ${values} values need out of ${count * values}, ${count} flips` +
        ` and as many draws or none; given ${out.length}, ${flips.length} and ${draws?.length ?? "none"}`,
    );
  }
  for (const [n, index] of indices.entries()) {
    const image = out.subarray(n * values, (n + 1) * values);
    fillImage(image, source, index, { mirrored: flips[n] === 1, draw: draws?.[n] ?? null });
    for (let i = 0; i < values; i++) image[i] = image[i] / 127.5 - 1;
  }
  return out;
}

/**
 * What a model is told of the images of a batch, [batch, 9]: see `edmCondition`.
 * @throws RangeError for a batch without such augmentation
 */
export function fillConditions({ draws = [], indices }: Batch): Float32Array {
  const out = new Float32Array(indices.length * CONDITION_SIZE);
  for (let n = 0; n < indices.length; n++) {
    const edm = draws[n]?.edm;
    if (!edm) throw new RangeError("fillConditions: nothing was drawn that a model is told of");
    out.set(edmCondition(edm), n * CONDITION_SIZE);
  }
  return out;
}

function valuesPerImage({ size, channels }: ImageSource): number {
  return size.height * size.width * channels;
}

function checkedAugment(options: AugmentOptions): AugmentOptions {
  for (const name of AUGMENT_OPTIONS) {
    const value = options[name];
    const most = AUGMENT_LIMITS[name];
    if (value >= 0 && value <= most) continue;
    throw new RangeError(`BatchSampler: ${name} is ${value}; give a number from 0 to ${most}`);
  }
  return options;
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`BatchSampler: ${name} is ${value}; give a whole number from ${least} to ${most}`);
}
