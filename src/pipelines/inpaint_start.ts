// Inpainting (Rombach et al. 2022, section 4.5; Lugmayr et al. 2022): a part of the image is drawn anew, the rest is
// kept. Models trained for it see mask and image as further channels; with others, what is outside the mask is put back
// after each step, with that step's noise.

import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import type { Pixels } from "../io/image/index.ts";
import type { Beginning, Surroundings } from "./beginning.ts";
import { asPipelineError, PipelineError } from "./errors.ts";
import {
  checkedStrength,
  cycled,
  GivenImages,
  type ImageStartOptions,
  imagesOf,
  imageValues,
  sizeOfAll,
} from "./image_start.ts";
import { imageBatch } from "./images.ts";
import { type Origin, pureNoise } from "./sampling.ts";
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
export const fromMaskedImage = (strength: number): Beginning<InpaintOptions> => ({
  inputChannels: (latentChannels) => [latentChannels, paintingChannels(latentChannels)],
  count: ({ image }) => imagesOf("image", image).length,
  size: ({ image }) => sizeOfAll(imagesOf("image", image)),
  sizeOf: "the image's ",
  start(options, surroundings) {
    const share = checkedStrength(options.strength ?? strength);
    const painting = new Painting(options, surroundings);
    return { strength: share, origin: (batch) => painting.origin(batch, share === 1) };
  },
});

/** Channels of a model that is trained for inpainting: latents, the mask, and the latents of what is kept. */
const paintingChannels = (latentChannels: number): number => 2 * latentChannels + 1;

/** The images and masks of a call. */
class Painting {
  readonly #seesMask: boolean;
  readonly #image: GivenImages;
  /** The images with gray in place of what is drawn anew. */
  readonly #kept: GivenImages;
  /** Each [1, H, W, 1], 1 where it is drawn anew. */
  readonly #masks: readonly HostTensor[];

  constructor(options: InpaintOptions, surroundings: Surroundings) {
    const { unet, latentChannels } = surroundings;
    const images = imageValues(imagesOf("image", options.image), surroundings);
    const masks = masksOf(options, images);
    const kept = images.map((image, m) => masked(image, masks[m % masks.length]));
    this.#seesMask = unet.inChannels === paintingChannels(latentChannels);
    this.#image = new GivenImages(images, surroundings);
    this.#kept = new GivenImages(kept, surroundings);
    this.#masks = masks;
  }

  /** @param isWhole whether all steps are taken, from noise alone */
  async origin(batch: StartingBatch, isWhole: boolean): Promise<Origin> {
    const { scheduler, timestep, noise: source, shape, firstImage } = batch;
    const ofBatch = (all: HostTensor) => cycled(all, firstImage, shape);
    const mask = ofBatch(shrunk(this.#masks, shape));
    // Noise is drawn in the order of diffusers, which draws some for latents that it does not use.
    const imageNoise = isWhole && this.#seesMask ? undefined : this.#image.drawn(source);
    const noise = source.randn(shape);
    const keptNoise = this.#kept.drawn(source);
    const imageLatents = async () => ofBatch(await this.#image.latents(imageNoise));
    const start = isWhole
      ? pureNoise(scheduler, noise)
      : scheduler.addNoise(await imageLatents(), noise, [timestep]);
    if (this.#seesMask) {
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
function masksOf({ maskImage }: InpaintOptions, images: readonly HostTensor[]): readonly HostTensor[] {
  const masks = imagesOf("maskImage", maskImage);
  const [, height, width] = images[0].shape;
  const other = masks.find((mask) => mask.width !== width || mask.height !== height);
  if (other !== undefined) {
    throw new PipelineError(
      `maskImage is ${other.width} x ${other.height}, expected the image's ${width} x ${height}`,
    );
  }
  if (masks.length !== 1 && masks.length !== images.length) {
    throw new PipelineError(
      `${masks.length} masks were given for ${images.length} images; expected one, or one for each`,
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
