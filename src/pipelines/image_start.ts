// Image to image (SDEdit, Meng et al. 2022, arXiv 2108.01073): the images of a call start within the schedule, from
// given images with the noise of the step where they start.

import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import { showShape } from "../engine/shape.ts";
import type { Pixels } from "../io/image/index.ts";
import type { Beginning, SizeOptions, Surroundings } from "./beginning.ts";
import { asPipelineError, PipelineError } from "./errors.ts";
import type { DrawnNoise } from "./image_noise.ts";
import { checkChannels, imageBatch, signedLevel } from "./images.ts";
import { type DenoisingOptions, partOf } from "./schedule_part.ts";

/** Options of images that start from others. */
export interface ImageStartOptions {
  /**
   * The image to start from, or a list of images of one size, through which those of the call cycle. They have the size
   * of the images of the call, a multiple of 64 for the published models; their channels become the autoencoder's. Or
   * latents of images, [M, h, w, c], as `generateLatents` gives them.
   */
  readonly image: Pixels | readonly Pixels[] | HostTensor;
  /**
   * How much of the image is drawn anew: the share of the steps that are taken, above 0 .. 1 (diffusers' strength); at 1
   * hardly anything of it is left. Default: diffusers', 0.8 for Stable Diffusion 1 and 2, 0.3 for XL.
   */
  readonly strength?: number;
}

/** Most images of a call to start from. */
const MOST_IMAGES = 1000;

/** Image to image. @param strength of calls that give none */
export const fromImage = (strength: number): Beginning<ImageStartOptions & DenoisingOptions> => ({
  inputChannels: (latentChannels) => [latentChannels],
  count: ({ image }) => countOf(image),
  size: ({ image }, factor) => sizeOf(image, factor),
  sizeOf: "the image's ",
  start(options, surroundings) {
    const { image } = options;
    const part = partOf(options, strength);
    const images = isLatents(image)
      ? new GivenLatents(image, surroundings)
      : new GivenImages(imageValues(imagesOf("image", image), surroundings), surroundings);
    return {
      part,
      origin: async ({ scheduler, timestep, noise, shape, firstImage }) => {
        const latents = cycled(await images.latents(images.drawn(noise)), firstImage, shape);
        const isNoisy = part.denoisingStart !== undefined;
        return { start: isNoisy ? latents : scheduler.addNoise(latents, noise.randn(shape), [timestep]) };
      },
    };
  },
});

/** Whether a call starts from latents. @throws PipelineError for what is neither these nor images */
export function isLatents(image: ImageStartOptions["image"]): image is HostTensor {
  checkObject("image", image);
  return "shape" in image;
}

/** How many images a call starts from. @throws PipelineError for images that are none */
export const countOf = (image: ImageStartOptions["image"]): number =>
  isLatents(image) ? checkedLatents(image).shape[0] : imagesOf("image", image).length;

/**
 * The size that all images have, in pixels.
 * @param factor pixels of a position of the latents
 * @throws PipelineError for images that are none, and for several sizes
 */
export function sizeOf(image: ImageStartOptions["image"], factor: number): Required<SizeOptions> {
  if (!isLatents(image)) return sizeOfAll(imagesOf("image", image));
  const [, height, width] = checkedLatents(image).shape;
  return { height: height * factor, width: width * factor };
}

/** @throws PipelineError for a tensor of another shape than latents have */
function checkedLatents(latents: HostTensor, channels?: number): HostTensor {
  const { shape, data } = latents;
  const isRight = shape.length === 4 && shape.every((size) => Number.isInteger(size) && size >= 1);
  const fits = isRight && data.length === numel(shape) && (channels ?? shape[3]) === shape[3];
  if (fits && shape[0] <= MOST_IMAGES) return latents;
  throw new PipelineError(
    `image is a tensor ${showShape(shape)} of ${data.length} values, expected latents [M, h, w, ${channels ?? "c"}] of up to ${MOST_IMAGES} images`,
  );
}

/** The images of an option. @throws PipelineError for anything else, and for too many */
export function imagesOf(name: string, given: Pixels | readonly Pixels[]): readonly Pixels[] {
  checkObject(name, given);
  const all = "data" in given ? [given] : given;
  if (all.length >= 1 && all.length <= MOST_IMAGES) return all;
  throw new PipelineError(`${name}: ${all.length} images were given, expected 1 to ${MOST_IMAGES}`);
}

function checkObject(name: string, given: unknown): void {
  if (typeof given === "object" && given !== null) return;
  throw new PipelineError(`${name} is ${typeof given}, expected an image, or a list of images`);
}

/** @throws PipelineError for several sizes */
function sizeOfAll(images: readonly Pixels[]): Required<SizeOptions> {
  const [{ width, height }] = images;
  const other = images.find((image) => image.width !== width || image.height !== height);
  if (other === undefined) return { height, width };
  throw new PipelineError(
    `an image is ${other.width} x ${other.height}, expected ${width} x ${height}, as the first one is`,
  );
}

/** The images as the codec sees them, each [1, H, W, C] in [-1, 1]. @throws PipelineError */
export function imageValues(
  images: readonly Pixels[],
  { codec, latentChannels: channels }: Surroundings,
): readonly HostTensor[] {
  const of = asPipelineError(() => codec.imageSize({ height: 1, width: 1, channels }));
  const wanted = checkChannels(of.channels);
  return asPipelineError(() => images.map((image) => imageBatch(image, wanted, signedLevel)));
}

/** What a call starts from, in the model's space. */
export interface Given {
  /**
   * Draws the noise that the library of a seed draws for their latents. Every batch does, in its turn among the others,
   * as all begin at the start of the seed's numbers.
   * @returns [M, h, w, c]; undefined where there is none
   */
  drawn(noise: DrawnNoise): HostTensor | undefined;
  /** @param noise what `drawn` gives, the same in each batch. @returns [M, h, w, c] */
  latents(noise: HostTensor | undefined): Promise<HostTensor>;
}

/** Latents of a call. */
export class GivenLatents implements Given {
  readonly #latents: HostTensor;

  /** @throws PipelineError for latents of another model */
  constructor(latents: HostTensor, { latentChannels }: Surroundings) {
    this.#latents = checkedLatents(latents, latentChannels);
  }

  drawn(): undefined {}

  async latents(): Promise<HostTensor> {
    return this.#latents;
  }
}

/** Images of a call, which are encoded once for all of its batches. */
export class GivenImages implements Given {
  readonly #images: readonly HostTensor[];
  readonly #surroundings: Surroundings;
  #latents: Promise<HostTensor> | undefined;

  /** @param images each [1, H, W, C], in [-1, 1] */
  constructor(images: readonly HostTensor[], surroundings: Surroundings) {
    this.#images = images;
    this.#surroundings = surroundings;
  }

  drawn(noise: DrawnNoise): HostTensor | undefined {
    const { codec } = this.#surroundings;
    return codec.encodeSample && noise.shared?.(this.#shape);
  }

  latents(noise: HostTensor | undefined): Promise<HostTensor> {
    this.#latents ??= this.#encoded(noise);
    return this.#latents;
  }

  async #encoded(noise: HostTensor | undefined): Promise<HostTensor> {
    const [, ...one] = this.#shape;
    const size = numel(one);
    const all = new Float32Array(numel(this.#shape));
    for (const [m, image] of this.#images.entries()) {
      const own = noise && hostTensor(noise.data.subarray(m * size, (m + 1) * size), [1, ...one]);
      all.set((await this.#surroundings.encode(image, own)).data, m * size);
    }
    return hostTensor(all, this.#shape);
  }

  get #shape(): HostTensor["shape"] {
    const { length, 0: first } = this.#images;
    const [, height, width, channels] = first.shape;
    const latents = this.#surroundings.codec.latentSize({ height, width, channels });
    return [length, latents.height, latents.width, latents.channels];
  }
}

/** The part of a batch, through which its images cycle. @param all [M, ...]. @param shape [N, ...]. @returns [N, ...] */
export function cycled(all: HostTensor, firstImage: number, [count]: HostTensor["shape"]): HostTensor {
  const [images, ...rest] = all.shape;
  const size = numel(rest);
  const data = new Float32Array(count * size);
  for (let k = 0; k < count; k++) {
    const m = (firstImage + k) % images;
    data.set(all.data.subarray(m * size, (m + 1) * size), k * size);
  }
  return hostTensor(data, [count, ...rest]);
}
