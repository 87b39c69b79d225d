// Inpainting (Rombach et al. 2022, section 4.5; Lugmayr et al. 2022): a part of the image is drawn anew, the rest is
// kept. Models trained for it see mask and image as further channels; with others, what is outside the mask is put back
// after each step, with that step's noise.

import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import type { Pixels } from "../io/image/index.ts";
import type { Beginning, SizeOptions, Surroundings } from "./beginning.ts";
import { asPipelineError, PipelineError } from "./errors.ts";
import {
  countOf,
  cycled,
  type Given,
  GivenImages,
  GivenLatents,
  type ImageStartOptions,
  imagesOf,
  imageValues,
  isLatents,
  sizeOf,
} from "./image_start.ts";
import { imageBatch } from "./images.ts";
import { type Origin, pureNoise } from "./sampling.ts";
import { type DenoisingOptions, partOf, type SchedulePart } from "./schedule_part.ts";
import type { StartingBatch } from "./start.ts";

/** Options of images of which a part is drawn anew. */
export interface InpaintOptions extends ImageStartOptions {
  /**
   * What is drawn anew: light pixels (from half of white on) are, dark ones are kept (diffusers' mask_image). Of the
   * image's size; one for all images, or one for each. A position of the latents is drawn anew as its top left pixel is.
   */
  readonly maskImage: Pixels | readonly Pixels[];
  /**
   * How much of the masked part is drawn anew: the share of the steps that are taken, above 0 .. 1 (diffusers'
   * strength). At 1 it starts from noise alone. Default: diffusers', 1 for Stable Diffusion 1 and 2, 0.9999 for XL.
   */
  readonly strength?: number;
}

/** Inpainting. @param strength of calls that give none */
export const fromMaskedImage = (strength: number): Beginning<InpaintOptions & DenoisingOptions> => ({
  inputChannels: (latentChannels) => [latentChannels, paintingChannels(latentChannels)],
  count: ({ image }) => countOf(image),
  size: ({ image }, factor) => sizeOf(image, factor),
  sizeOf: "the image's ",
  start(options, surroundings) {
    const part = partOf(options, strength);
    const painting = new Painting(options, surroundings);
    return { part, origin: (batch) => painting.origin(batch, part) };
  },
});

/** Channels of a model that is trained for inpainting: latents, the mask, and the latents of what is kept. */
const paintingChannels = (latentChannels: number): number => 2 * latentChannels + 1;

/** The images and masks of a call. */
class Painting {
  readonly #seesMask: boolean;
  readonly #image: Given;
  /** The images with gray in place of what is drawn anew; null of latents, in which nothing can be grayed. */
  readonly #kept: GivenImages | null;
  /** Each [1, H, W, 1], 1 where it is drawn anew. */
  readonly #masks: readonly HostTensor[];

  constructor({ image, maskImage }: InpaintOptions, surroundings: Surroundings) {
    const { unet, codec, latentChannels } = surroundings;
    this.#seesMask = unet.inChannels === paintingChannels(latentChannels);
    if (isLatents(image)) {
      if (this.#seesMask) {
        throw new PipelineError(
          "image is latents, expected an image: the model is trained for inpainting, and sees what is kept of it",
        );
      }
      const { height: factor } = codec.imageSize({ height: 1, width: 1, channels: latentChannels });
      this.#image = new GivenLatents(image, surroundings);
      this.#kept = null;
      this.#masks = masksOf(maskImage, countOf(image), sizeOf(image, factor));
      return;
    }
    const images = imagesOf("image", image);
    const values = imageValues(images, surroundings);
    const masks = masksOf(maskImage, images.length, images[0]);
    const kept = values.map((image, m) => masked(image, masks[m % masks.length]));
    this.#image = new GivenImages(values, surroundings);
    this.#kept = new GivenImages(kept, surroundings);
    this.#masks = masks;
  }

  async origin(batch: StartingBatch, { strength, denoisingStart }: SchedulePart): Promise<Origin> {
    const { scheduler, timestep, noise: source, shape, firstImage } = batch;
    const isWhole = strength === 1;
    const ofBatch = (all: HostTensor) => cycled(all, firstImage, shape);
    const mask = ofBatch(shrunk(this.#masks, shape));
    // Noise is drawn in the order of diffusers, which draws some for latents that it does not use.
    const imageNoise = isWhole && this.#seesMask ? undefined : this.#image.drawn(source);
    const noise = source.randn(shape);
    const keptNoise = this.#kept?.drawn(source);
    const imageLatents = async () => ofBatch(await this.#image.latents(imageNoise));
    const noisyImage = async () =>
      denoisingStart === undefined
        ? scheduler.addNoise(await imageLatents(), noise, [timestep])
        : imageLatents();
    const start = isWhole ? pureNoise(scheduler, noise) : await noisyImage();
    if (this.#seesMask && this.#kept !== null) {
      const kept = ofBatch(await this.#kept.latents(keptNoise));
      return { start, seen: (input) => joinedChannels([input, mask, kept]) };
    }
    const latents = await imageLatents();
    const noisy = (at: number | undefined) =>
      at === undefined ? latents : scheduler.addNoise(latents, noise, [at]);
    return { start, kept: (sample, next) => blended(sample, noisy(next), mask) };
  }
}

/** @throws PipelineError for masks that do not belong to the images */
function masksOf(
  maskImage: InpaintOptions["maskImage"],
  images: number,
  { height, width }: Required<SizeOptions>,
): readonly HostTensor[] {
  const masks = imagesOf("maskImage", maskImage);
  const other = masks.find((mask) => mask.width !== width || mask.height !== height);
  if (other !== undefined) {
    throw new PipelineError(
      `maskImage is ${other.width} x ${other.height}, expected the image's ${width} x ${height}`,
    );
  }
  if (masks.length !== 1 && masks.length !== images) {
    throw new PipelineError(
      `${masks.length} masks were given for ${images} images; expected one, or one for each`,
    );
  }
  return asPipelineError(() => masks.map((mask) => imageBatch(mask, 1, (level) => (level < 128 ? 0 : 1))));
}

/** The image with 0, gray, where the mask is 1. @param image [1, H, W, C]. @param mask [1, H, W, 1] */
function masked({ data, shape }: HostTensor, mask: HostTensor): HostTensor {
  const channels = shape[3];
  return hostTensor(
    data.map((value, i) => (mask.data[Math.floor(i / channels)] === 1 ? 0 : value)),
    shape,
  );
}

/**
 * The masks in the model's space: each position is that of its top left pixel, as in diffusers.
 * @param masks each [1, H, W, 1]
 * @returns [M, h, w, 1]
 */
function shrunk(masks: readonly HostTensor[], [, height, width]: HostTensor["shape"]): HostTensor {
  const [, rows, columns] = masks[0].shape;
  const data = new Float32Array(masks.length * height * width);
  for (let i = 0; i < data.length; i++) {
    const x = i % width;
    const y = Math.floor(i / width) % height;
    const mask = masks[Math.floor(i / (height * width))];
    data[i] = mask.data[((y * rows) / height) * columns + (x * columns) / width];
  }
  return hostTensor(data, [masks.length, height, width, 1]);
}

/** The sample where the mask is 1, what is kept where it is 0. @param mask [N, h, w, 1] */
function blended(sample: HostTensor, kept: HostTensor, mask: HostTensor): HostTensor {
  const channels = sample.shape[3];
  const data = sample.data.map((value, i) =>
    mask.data[Math.floor(i / channels)] === 1 ? value : kept.data[i],
  );
  return hostTensor(data, sample.shape);
}

/** Tensors of one size [N, h, w, c] beside each other, [N, h, w, all c]. */
function joinedChannels(parts: readonly HostTensor[]): HostTensor {
  const [count, height, width] = parts[0].shape;
  const all = parts.reduce((sum, { shape }) => sum + shape[3], 0);
  const data = new Float32Array(count * height * width * all);
  let first = 0;
  for (const { data: values, shape } of parts) {
    const channels = shape[3];
    for (let i = 0; i < count * height * width; i++) {
      for (let c = 0; c < channels; c++) data[i * all + first + c] = values[i * channels + c];
    }
    first += channels;
  }
  return hostTensor(data, [count, height, width, all]);
}
