// AutoencoderKL: the variational autoencoder of Stable Diffusion (Rombach et al. 2022), with diffusers' options and names.

import * as exact from "../engine/math/index.ts";
import { constant, type Tensor } from "../engine/tensor.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { Module } from "../nn/module.ts";
import { type CoderOptions, Decoder, Encoder } from "./autoencoder_blocks.ts";
import {
  AUTOENCODER_KL_CLASS,
  type AutoencoderKLConfig,
  type AutoencoderKLOptions,
  autoencoderKLConfigs,
  autoencoderKLConfigToJson,
  autoencoderKLFloatKeys,
} from "./autoencoder_kl_config.ts";
import { checkImages, checkLatents } from "./autoencoder_shapes.ts";
import { DiagonalGaussianDistribution } from "./diagonal_gaussian.ts";
import { extentOf } from "./model_config.ts";
import { MOST_PARAMETERS } from "./unet_2d_config.ts";

/** Squares that an image, or its latents, is divided into. */
export interface Tiles {
  /** Height and width; those at the right and lower edge are what is left. */
  readonly side: number;
  /** From the start of one to that of the next; what is left of the side overlaps. */
  readonly step: number;
}

/** Images to distributions of latents, and latents to images (diffusers' AutoencoderKL). */
export class AutoencoderKL extends Module {
  /** Its class name in files, as in diffusers. */
  readonly className = AUTOENCODER_KL_CLASS;
  /** Config keys whose numbers are floats in Python (0 is written 0.0). */
  readonly floatKeys = autoencoderKLFloatKeys;
  /** All options, checked. */
  readonly config: AutoencoderKLConfig;
  /** Whether a codec computes the images of a batch one by one (diffusers' use_slicing). */
  useSlicing = false;
  /** Whether a codec computes images that are larger than a tile in tiles (diffusers' use_tiling). */
  useTiling = false;
  /** Side of a tile, pixels. Default: the config's sample_size, 512 for Stable Diffusion 1. */
  tileSampleMinSize: number;
  /** The share of a tile's side by which its neighbours overlap, from 0 to below 1. */
  tileOverlapFactor = 0.25;
  readonly #encoder: Encoder;
  readonly #decoder: Decoder;
  readonly #quantConv: Conv2d | null;
  readonly #postQuantConv: Conv2d | null;

  /** @throws ModelConfigError when an option does not fit */
  constructor(options: AutoencoderKLOptions = {}) {
    super();
    const config = autoencoderKLConfigs.resolve(options);
    this.config = config;
    this.tileSampleMinSize = extentOf(config.sampleSize).height;
    const { inChannels, outChannels, latentChannels } = config;
    const both: Omit<CoderOptions, "inChannels" | "outChannels"> = config;
    try {
      const moments = 2 * latentChannels;
      this.#encoder = this.child("encoder", new Encoder({ ...both, inChannels, outChannels: moments }));
      this.#decoder = this.child(
        "decoder",
        new Decoder({ ...both, inChannels: latentChannels, outChannels }),
      );
      this.#quantConv = config.useQuantConv ? this.child("quant_conv", conv1x1(moments)) : null;
      this.#postQuantConv = config.usePostQuantConv
        ? this.child("post_quant_conv", conv1x1(latentChannels))
        : null;
    } catch (error) {
      throw autoencoderKLConfigs.explained(error);
    }
    autoencoderKLConfigs.checkParameterCount(this.parameterCount, MOST_PARAMETERS);
  }

  /** From a config.json's contents. @throws ModelConfigError when it is for another class or does not fit */
  static fromConfig(json: unknown): AutoencoderKL {
    return new AutoencoderKL(autoencoderKLConfigs.fromJson(json).config);
  }

  /** The contents of config.json as diffusers writes it. */
  toConfig(): JsonObject {
    return autoencoderKLConfigToJson(this.config);
  }

  /** How many pixels, each way, become one place of the latents; height and width must be multiples of it. */
  get sizeFactor(): number {
    return exact.powerOfTwo(this.config.blockOutChannels.length - 1);
  }

  /**
   * @param images in [-1, 1], [N, H, W, inChannels]; H and W multiples of `sizeFactor`
   * @returns the distribution of latents [N, H / sizeFactor, W / sizeFactor, latentChannels], not scaled
   * @throws ShapeError when the shape does not fit
   */
  encode(images: Tensor): DiagonalGaussianDistribution {
    checkImages(this, images, this.config.inChannels);
    const moments = this.#encoder.forward(images);
    return new DiagonalGaussianDistribution(this.#quantConv?.forward(moments) ?? moments);
  }

  /**
   * @param latents not scaled, [N, h, w, latentChannels]
   * @returns images, mostly in [-1, 1], [N, h · sizeFactor, w · sizeFactor, outChannels]
   * @throws ShapeError when the shape does not fit
   */
  decode(latents: Tensor): Tensor {
    checkLatents(this, latents, this.config.latentChannels);
    return this.#decoder.forward(this.#postQuantConv?.forward(latents) ?? latents);
  }

  /** Computes the images of a batch one by one, in less memory (diffusers' enable_slicing). */
  enableSlicing(): void {
    this.useSlicing = true;
  }

  /** The reverse of `enableSlicing`. */
  disableSlicing(): void {
    this.useSlicing = false;
  }

  /**
   * Computes large images in tiles, which overlap and are blended into each other (diffusers' enable_tiling): in memory
   * that does not grow with the image, and not to the same images, as each tile sees only itself.
   */
  enableTiling(): void {
    this.useTiling = true;
  }

  /** The reverse of `enableTiling`. */
  disableTiling(): void {
    this.useTiling = false;
  }

  /** The tiles of images and of latents. @throws RangeError for sides and overlaps that leave none */
  get tiles(): { readonly images: Tiles; readonly latents: Tiles } {
    const { sizeFactor, tileSampleMinSize: size, tileOverlapFactor: overlap } = this;
    const side = Math.floor(size / sizeFactor);
    const step = Math.floor(side * (1 - overlap));
    if (!(Number.isInteger(size) && overlap >= 0 && step >= 1)) {
      throw new RangeError(
        `tiles of ${size} pixels that overlap by ${overlap} of that leave none, expected a whole number from ` +
          `${2 * sizeFactor} and an overlap from 0 to below 1`,
      );
    }
    return { images: { side: side * sizeFactor, step: step * sizeFactor }, latents: { side, step } };
  }

  /** Latents as the encoder gives them -> those that a diffusion model sees, of mean 0 and variance 1. */
  scaleLatents(latents: Tensor): Tensor {
    const { mean, factor } = this.#statistics();
    return latents.sub(mean).mul(factor);
  }

  /** The reverse of `scaleLatents`. */
  unscaleLatents(latents: Tensor): Tensor {
    const { mean, factor } = this.#statistics();
    return latents.div(factor).add(mean);
  }

  /** What is subtracted from latents, and what they are multiplied with: numbers, or a number by channel. */
  #statistics(): { mean: Tensor | number; factor: Tensor | number } {
    const { latentsMean, latentsStd, scalingFactor, shiftFactor } = this.config;
    if (latentsMean === null || latentsStd === null) return { mean: shiftFactor ?? 0, factor: scalingFactor };
    const factors = Float32Array.from(latentsStd, (std) => scalingFactor / std);
    return {
      mean: constant(Float32Array.from(latentsMean), [latentsMean.length]),
      factor: constant(factors, [factors.length]),
    };
  }
}

const conv1x1 = (channels: number): Conv2d =>
  new Conv2d({ inChannels: channels, outChannels: channels, kernelSize: 1 });
