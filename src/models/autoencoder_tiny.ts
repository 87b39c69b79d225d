// AutoencoderTiny: the small, fast autoencoder TAESD, which speaks the latents of Stable Diffusion, with diffusers'
// options and names.

import * as exact from "../engine/math/index.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
import { Module } from "../nn/module.ts";
import { checkImages, checkLatents } from "./autoencoder_shapes.ts";
import { DecoderTiny, EncoderTiny } from "./autoencoder_tiny_blocks.ts";
import {
  AUTOENCODER_TINY_CLASS,
  type AutoencoderTinyConfig,
  type AutoencoderTinyOptions,
  autoencoderTinyConfigs,
  autoencoderTinyConfigToJson,
  autoencoderTinyFloatKeys,
} from "./autoencoder_tiny_config.ts";
import { MOST_PARAMETERS } from "./unet_2d_config.ts";

/** Images to latents, which are scaled already, and back (diffusers' AutoencoderTiny). */
export class AutoencoderTiny extends Module {
  /** Its class name in files, as in diffusers. */
  readonly className = AUTOENCODER_TINY_CLASS;
  /** Config keys whose numbers are floats in Python (0 is written 0.0). */
  readonly floatKeys = autoencoderTinyFloatKeys;
  /** All options, checked. */
  readonly config: AutoencoderTinyConfig;
  readonly #encoder: EncoderTiny;
  readonly #decoder: DecoderTiny;

  /** @throws ModelConfigError when an option does not fit */
  constructor(options: AutoencoderTinyOptions = {}) {
    super();
    const config = autoencoderTinyConfigs.resolve(options);
    this.config = config;
    const { latentChannels, actFn } = config;
    this.#encoder = this.child(
      "encoder",
      new EncoderTiny({
        inChannels: config.inChannels,
        outChannels: latentChannels,
        channels: config.encoderBlockOutChannels[0],
        blocks: config.numEncoderBlocks,
        actFn,
      }),
    );
    this.#decoder = this.child(
      "decoder",
      new DecoderTiny({
        inChannels: latentChannels,
        outChannels: config.outChannels,
        channels: config.decoderBlockOutChannels[0],
        blocks: config.numDecoderBlocks,
        actFn,
      }),
    );
    autoencoderTinyConfigs.checkParameterCount(this.parameterCount, MOST_PARAMETERS);
  }

  /** From a config.json's contents. @throws ModelConfigError when it is for another class or does not fit */
  static fromConfig(json: unknown): AutoencoderTiny {
    return new AutoencoderTiny(autoencoderTinyConfigs.fromJson(json).config);
  }

  /** The contents of config.json as diffusers writes it. */
  toConfig(): JsonObject {
    return autoencoderTinyConfigToJson(this.config);
  }

  /** How many pixels, each way, become one place of the latents; height and width must be multiples of it. */
  get sizeFactor(): number {
    return exact.powerOfTwo(this.config.numEncoderBlocks.length - 1);
  }

  /**
   * @param images in [-1, 1], [N, H, W, inChannels]; H and W multiples of `sizeFactor`
   * @returns latents as a diffusion model sees them, [N, H / sizeFactor, W / sizeFactor, latentChannels]
   * @throws ShapeError when the shape does not fit
   */
  encode(images: Tensor): Tensor {
    checkImages(this, images, this.config.inChannels);
    return this.#encoder.forward(images);
  }

  /**
   * @param latents as `encode` gives them, [N, h, w, latentChannels]
   * @returns images, mostly in [-1, 1], [N, h · sizeFactor, w · sizeFactor, outChannels]
   * @throws ShapeError when the shape does not fit
   */
  decode(latents: Tensor): Tensor {
    checkLatents(this, latents, this.config.latentChannels);
    return this.#decoder.forward(latents);
  }
}
