// Where the images of a pipeline start, which its calls say more about: at noise, an image, or an image and a mask.

import type { Codec } from "../codecs/codec.ts";
import type { HostTensor } from "../engine/host_tensor.ts";
import type { Denoiser } from "../models/denoiser.ts";
import { type DenoisingEndOptions, endOf } from "./schedule_part.ts";
import type { Start } from "./start.ts";

/** Options of images that start from noise. */
export interface SizeOptions {
  /** Pixels. Default: as the UNet's config says, 512 for Stable Diffusion 1. */
  readonly height?: number;
  /** Pixels. Default: as the UNet's config says. */
  readonly width?: number;
}

/** What a beginning sees of its pipeline. */
export interface Surroundings {
  readonly unet: Pick<Denoiser, "inChannels">;
  readonly codec: Codec;
  /** Channels of x_t. */
  readonly latentChannels: number;
  /** Images [N, H, W, C] in [-1, 1] to latents, drawn with `noise` where the encoder gives a distribution. */
  readonly encode: (images: HostTensor, noise?: HostTensor) => Promise<HostTensor>;
}

/** Where the images of a pipeline start. Asked: the options of its calls. */
export interface Beginning<Asked> {
  /** Numbers of channels of a model that can begin so. @param latentChannels those that it predicts */
  inputChannels(latentChannels: number): readonly number[];
  /** How many images the options ask for at least. @throws PipelineError for images that are none */
  count(options: Asked): number;
  /**
   * The size of the images, in pixels; what is left open is as the UNet's config says.
   * @param factor pixels of a position of the latents, along each side
   */
  size(options: Asked, factor: number): SizeOptions;
  /** What the size is of, for errors: words before "height" and "width". */
  readonly sizeOf: string;
  /** Null for the whole way from noise alone. @throws PipelineError for options that do not fit */
  start(options: Asked, surroundings: Surroundings): Start | null;
}

/** Text to image. */
export const fromNoise: Beginning<SizeOptions & DenoisingEndOptions> = {
  inputChannels: (latentChannels) => [latentChannels],
  count: () => 1,
  size: ({ height, width }) => ({
    ...(height !== undefined && { height }),
    ...(width !== undefined && { width }),
  }),
  sizeOf: "",
  start: (options) => (options.denoisingEnd === undefined ? null : { part: endOf(options) }),
};
