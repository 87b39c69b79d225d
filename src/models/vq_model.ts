// VQModel: the autoencoder whose latents are vectors of a table (van den Oord et al. 2017, Esser et al. 2021), with
// diffusers' options and names.

import * as v from "valibot";
import * as exact from "../engine/math/index.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { Module } from "../nn/module.ts";
import { VectorQuantizer } from "../nn/vector_quantizer.ts";
import { blockTypeProblem, type CoderOptions, Decoder, Encoder } from "./autoencoder_blocks.ts";
import { levelEntries } from "./autoencoder_levels.ts";
import { checkImages, checkLatents } from "./autoencoder_shapes.ts";
import { ConfigReader, channels, configToJson, count, imageSize, MOST, positive } from "./model_config.ts";
import { MOST_PARAMETERS } from "./unet_2d_config.ts";

const VQ_CLASS = "VQModel";

const entries = {
  ...levelEntries,
  /** Channels that the encoder gives. Default 3. */
  latentChannels: v.optional(channels, 3),
  /** Image size the model is meant for: one number or [height, width]. */
  sampleSize: v.optional(imageSize, 32),
  /** Vectors of the table. */
  numVqEmbeddings: v.optional(count(MOST.classes), 256),
  /** Groups of the group norms; must divide their channels. Default 32. */
  normNumGroups: v.optional(channels, 32),
  /** Width of the table's vectors, and channels of the latents; null for `latentChannels`. */
  vqEmbedDim: v.optional(v.nullable(channels), null),
  /** Latents times this have a variance near 1. */
  scalingFactor: v.optional(positive, 0.18215),
  /** Only "group". */
  normType: v.optional(v.literal("group"), "group"),
  /** Attention in the mid blocks. */
  midBlockAddAttention: v.optional(v.boolean(), true),
  /** Only false. */
  lookupFromCodebook: v.optional(v.literal(false), false),
  /** Kept for files: all is computed in float32, unless a program's precision says otherwise. */
  forceUpcast: v.optional(v.boolean(), false),
};
type Schema = v.StrictObjectSchema<typeof entries, undefined>;

/** The options of the constructor, all with diffusers' defaults. @interface */
export type VQModelOptions = v.InferInput<Schema>;
/** All options, checked. @interface */
export type VQModelConfig = Readonly<v.InferOutput<Schema>>;

const configs = new ConfigReader({ className: VQ_CLASS, entries, checkTogether });

function checkTogether(config: VQModelConfig): void {
  const problem = blockTypeProblem(config);
  if (problem !== undefined) throw configs.error(problem);
}

/** What `decode` gives. */
export interface VQDecoded {
  /** Images, mostly in [-1, 1], [N, h · sizeFactor, w · sizeFactor, outChannels]. */
  readonly sample: Tensor;
  /** What training adds to its loss, for the table: one number. */
  readonly commitLoss: Tensor;
}

/** Images to latents, and the nearest latents of a table to images (diffusers' VQModel). */
export class VQModel extends Module {
  /** Its class name in files, as in diffusers. */
  readonly className = VQ_CLASS;
  /** Config keys whose numbers are floats in Python (0 is written 0.0). */
  readonly floatKeys: ReadonlySet<string> = new Set(["scaling_factor"]);
  /** All options, checked. */
  readonly config: VQModelConfig;
  readonly #encoder: Encoder;
  readonly #quantConv: Conv2d;
  readonly #quantize: VectorQuantizer;
  readonly #postQuantConv: Conv2d;
  readonly #decoder: Decoder;

  /** @throws ModelConfigError when an option does not fit */
  constructor(options: VQModelOptions = {}) {
    super();
    const config = configs.resolve(options);
    this.config = config;
    const { inChannels, outChannels, latentChannels } = config;
    const width = config.vqEmbedDim ?? latentChannels;
    const both: Omit<CoderOptions, "inChannels" | "outChannels"> = config;
    try {
      this.#encoder = this.child(
        "encoder",
        new Encoder({ ...both, inChannels, outChannels: latentChannels }),
      );
      this.#quantConv = this.child("quant_conv", conv1x1(latentChannels, width));
      this.#quantize = this.child("quantize", new VectorQuantizer(config.numVqEmbeddings, width));
      this.#postQuantConv = this.child("post_quant_conv", conv1x1(width, latentChannels));
      this.#decoder = this.child(
        "decoder",
        new Decoder({ ...both, inChannels: latentChannels, outChannels }),
      );
    } catch (error) {
      throw configs.explained(error);
    }
    configs.checkParameterCount(this.parameterCount, MOST_PARAMETERS);
  }

  /** From a config.json's contents. @throws ModelConfigError when it is for another class or does not fit */
  static fromConfig(json: unknown): VQModel {
    return new VQModel(configs.fromJson(json).config);
  }

  /** The contents of config.json as diffusers writes it. */
  toConfig(): JsonObject {
    return configToJson(VQ_CLASS, this.config);
  }

  /** How many pixels, each way, become one place of the latents; height and width must be multiples of it. */
  get sizeFactor(): number {
    return exact.powerOfTwo(this.config.blockOutChannels.length - 1);
  }

  /** Channels of the latents. */
  get latentChannels(): number {
    return this.config.vqEmbedDim ?? this.config.latentChannels;
  }

  /**
   * @param images in [-1, 1], [N, H, W, inChannels]; H and W multiples of `sizeFactor`
   * @returns latents, not yet replaced by those of the table, [N, H / sizeFactor, W / sizeFactor, latentChannels]
   * @throws ShapeError when the shape does not fit
   */
  encode(images: Tensor): Tensor {
    checkImages(this, images, this.config.inChannels);
    return this.#quantConv.forward(this.#encoder.forward(images));
  }

  /**
   * @param latents [N, h, w, latentChannels], which the nearest of the table replace
   * @throws ShapeError when the shape does not fit
   */
  decode(latents: Tensor): VQDecoded {
    checkLatents(this, latents, this.latentChannels);
    const { quantized, loss } = this.#quantize.forward(latents);
    return { sample: this.#decoder.forward(this.#postQuantConv.forward(quantized)), commitLoss: loss };
  }
}

const conv1x1 = (inChannels: number, outChannels: number): Conv2d =>
  new Conv2d({ inChannels, outChannels, kernelSize: 1 });
