// Which images form which batch. Every epoch is a new shuffle of all images; the shuffles are concatenated and cut into
// batches. So every batch is full (programs have static shapes) and may span two epochs, where a PyTorch DataLoader
// would end the epoch with a smaller batch. A batch depends on (seed, step) only, so a resumed run continues as if it
// had never stopped.
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

/** Options of a `BatchSampler`. */
export interface BatchSamplerOptions {
  /** Number of images. */
  readonly count: number;
  /** Images in a batch, 1 or more; may exceed `count`. */
  readonly batchSize: number;
  /** 0 .. 2^53-1. */
  readonly seed: number;
  /** Whether to mirror images at random: a coin flip for every (seed, epoch, image); default false. */
  readonly flip?: boolean;
  /** Other random changes, drawn for every (seed, epoch, image); default none. */
  readonly augment?: Partial<AugmentOptions>;
}

/** The images of a step's batch, and their augmentation. */
export interface Batch {
  /** [batchSize], each 0 .. count-1. */
  readonly indices: Uint32Array;
  /** [batchSize], 1 where the image is mirrored left to right. */
  readonly flips: Uint8Array;
  /** [batchSize], the other changes of each image; absent without any. */
  readonly draws?: readonly AugmentDraw[];
}

/** Draws batches: every image once per epoch, in an order that depends on seed and epoch only. */
export class BatchSampler {
  /** Number of images. */
  readonly count: number;
  /** Images in a batch. */
  readonly batchSize: number;
  /** Whether images are mirrored at random. */
  readonly flip: boolean;
  /** The other random changes, all options resolved. */
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

  /** The epoch, from 0, of the first image of a step's batch. */
  epochOf(step: number): number {
    return Math.floor((step * this.batchSize) / this.count);
  }

  /** The number of steps that show every image `epochs` times. */
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

  /** Images with their augmentation in an epoch, from 0. */
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

  /** The order of an epoch, by the Fisher-Yates shuffle. The most recent ones are cached. */
  private shuffle(epoch: number): Uint32Array {
    const known = this.shuffles.get(epoch);
    if (known !== undefined) return known;
    const order = Uint32Array.from({ length: this.count }, (_, i) => i);
    for (let i = this.count - 1; i > 0; i--) {
      // A 32-bit word scaled to 0..i differs from uniform by less than i / 2^32.
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

/** Some images of a batch that follow each other. */
export function partOfBatch(
  { indices, flips, draws }: Batch,
  { firstImage, count }: { readonly firstImage: number; readonly count: number },
): Batch {
  const end = firstImage + count;
  return {
    indices: indices.subarray(firstImage, end),
    flips: flips.subarray(firstImage, end),
    ...(draws && { draws: draws.slice(firstImage, end) }),
  };
}

/**
 * The images of a batch as model input: float32, [batch, height, width, channels], x / 127.5 - 1.
 * @param out the destination; a new tensor by default
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
 * The augmentation conditions of a batch, [batch, 9]: see `edmCondition`.
 * @throws RangeError for a batch without non-leaky augmentation
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
