// UNet2DModel: the unconditional or class-conditional UNet of DDPM (Ho et al. 2020), with diffusers' options and names.

import * as exact from "../engine/math/index.ts";
import { ShapeError, sameShape, showShape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
import { silu } from "../nn/activations.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { Embedding } from "../nn/embedding.ts";
import { evaluation, type ForwardContext } from "../nn/forward_context.ts";
import { GroupNorm } from "../nn/group_norm.ts";
import { Module } from "../nn/module.ts";
import {
  GaussianFourierProjection,
  type TimeProjection,
  TimestepEmbedding,
  Timesteps,
} from "../nn/timestep_embedding.ts";
import type { ClassEmbedding, ConditionInput, Conditions, Denoiser, TimestepKind } from "./denoiser.ts";
import { extentOf } from "./model_config.ts";
import { downBlock, midBlock, upBlock } from "./unet_2d_block_types.ts";
import type { DownBlock2D, ResnetSettings, UNetMidBlock2D, UpBlock2D } from "./unet_2d_blocks.ts";
import {
  MOST_PARAMETERS,
  UNET_2D_CLASS,
  type UNet2DConfig,
  type UNet2DOptions,
  unet2DConfigs,
  unet2DConfigToJson,
  unet2DFloatKeys,
} from "./unet_2d_config.ts";

/** Standard deviation of the "fourier" time embedding's frequencies. */
const FOURIER_SCALE = 16;

/** Inputs of a UNet besides the noisy image and the timestep. */
export interface UNet2DInputs {
  /** As given by `classLabelsFor`; required exactly when the model is class-conditional. */
  readonly classLabels?: Tensor;
  /** Further information on each image, [N, timeEmbedDim], added to its time embedding. Default: none. */
  readonly addedEmbedding?: Tensor;
  /** Default: evaluation. */
  readonly context?: ForwardContext;
}

/**
 * The UNet of diffusers' UNet2DModel (Ho et al. 2020, with the options of its successors): images [N, H, W, C] and
 * timesteps [N] to a prediction [N, H, W, C].
 */
export class UNet2DModel extends Module implements Denoiser {
  readonly className = UNET_2D_CLASS;
  readonly floatKeys = unet2DFloatKeys;
  /** All options, checked. */
  readonly config: UNet2DConfig;
  /** Width of the time embedding. */
  readonly timeEmbedDim: number;
  readonly #convIn: Conv2d;
  readonly #timeProj: TimeProjection;
  readonly #timeEmbedding: TimestepEmbedding;
  readonly #embedClass: ((labels: Tensor) => Tensor) | null;
  readonly #downBlocks: readonly DownBlock2D[];
  readonly #midBlock: UNetMidBlock2D | null;
  readonly #upBlocks: readonly UpBlock2D[];
  readonly #convNormOut: GroupNorm;
  readonly #convOut: Conv2d;

  /** @throws ModelConfigError when an option does not fit */
  constructor(options: UNet2DOptions = {}) {
    super();
    const config = unet2DConfigs.resolve(options);
    this.config = config;
    const [channels] = config.blockOutChannels;
    this.timeEmbedDim = config.timeEmbeddingDim ?? 4 * channels;
    try {
      this.#convIn = this.child(
        "conv_in",
        new Conv2d({ inChannels: config.inChannels, outChannels: channels, kernelSize: 3, padding: 1 }),
      );
      this.#timeProj = this.#buildTimeProjection(channels);
      const timeFeatures = config.timeEmbeddingType === "fourier" ? 2 * channels : channels;
      this.#timeEmbedding = this.child(
        "time_embedding",
        new TimestepEmbedding(timeFeatures, this.timeEmbedDim),
      );
      this.#embedClass = this.#buildClassEmbedding(timeFeatures);
      this.#downBlocks = this.#buildDownBlocks();
      this.#midBlock = this.#buildMidBlock();
      this.#upBlocks = this.#buildUpBlocks();
      this.#convNormOut = this.child(
        "conv_norm_out",
        new GroupNorm({ groups: config.normNumGroups, channels, eps: config.normEps }),
      );
      this.#convOut = this.child(
        "conv_out",
        new Conv2d({ inChannels: channels, outChannels: config.outChannels, kernelSize: 3, padding: 1 }),
      );
    } catch (error) {
      throw unet2DConfigs.explained(error);
    }
    unet2DConfigs.checkParameterCount(this.parameterCount, MOST_PARAMETERS);
  }

  /** From a config.json's contents. @throws ModelConfigError when it is for another class or does not fit */
  static fromConfig(json: unknown): UNet2DModel {
    return new UNet2DModel(unet2DConfigs.fromJson(json).config);
  }

  /** The contents of config.json as diffusers writes it. */
  toConfig(): JsonObject {
    return unet2DConfigToJson(this.config);
  }

  withoutValues(): UNet2DModel {
    return new UNet2DModel(this.config);
  }

  get inChannels(): number {
    return this.config.inChannels;
  }

  get outChannels(): number {
    return this.config.outChannels;
  }

  get sampleSize(): Denoiser["sampleSize"] {
    const { sampleSize } = this.config;
    return sampleSize === null ? null : extentOf(sampleSize);
  }

  /** Image height and width must be multiples of this. */
  get sizeFactor(): number {
    return exact.powerOfTwo(this.config.blockOutChannels.length - 1);
  }

  /** Which timesteps it accepts, by its `timeEmbeddingType`. */
  get timesteps(): TimestepKind {
    const { timeEmbeddingType: type, numTrainTimesteps } = this.config;
    return type === "learned" ? { type, rows: numTrainTimesteps ?? 0 } : { type };
  }

  get dropout(): number {
    return this.config.dropout;
  }

  get classEmbedding(): ClassEmbedding | null {
    const { classEmbedType: type, numClassEmbeds: rows } = this.config;
    if (type !== null) return { type };
    return rows === null ? null : { type: "table", rows };
  }

  conditionsFor(n: number): Conditions<ConditionInput> {
    const classLabels = this.classLabelsFor(n);
    return classLabels === null ? {} : { classLabels };
  }

  /** The class labels that `forward` needs for n images; null when the model is not class-conditional. */
  classLabelsFor(n: number): ConditionInput | null {
    if (this.#embedClass === null) return null;
    return this.config.classEmbedType === "identity"
      ? { shape: [n, this.timeEmbedDim], dtype: "f32" }
      : { shape: [n], dtype: "i32" };
  }

  /**
   * @param sample [N, H, W, inChannels]; H and W multiples of `sizeFactor`
   * @param timestep i32 or f32 [N]; above 0 for a "fourier" time embedding
   * @returns [N, H, W, outChannels]
   * @throws ShapeError when a shape does not fit
   */
  forward(
    sample: Tensor,
    timestep: Tensor,
    { classLabels, addedEmbedding, context = evaluation }: UNet2DInputs = {},
  ): Tensor {
    this.#checkShapes(sample, timestep, classLabels, addedEmbedding);
    const [n] = sample.shape;
    let emb = this.#timeEmbedding.forward(this.#timeProj.forward(timestep)); // [N, timeEmbedDim]
    if (this.#embedClass !== null && classLabels !== undefined) emb = emb.add(this.#embedClass(classLabels));
    if (addedEmbedding !== undefined) emb = emb.add(addedEmbedding);

    const centered = this.config.centerInputSample ? sample.mul(2).sub(1) : sample;
    let hidden = this.#convIn.forward(centered);
    const skips = [hidden];
    for (const block of this.#downBlocks) {
      const result = block.forward(hidden, emb, context);
      hidden = result.hidden;
      skips.push(...result.skips);
    }
    hidden = this.#midBlock?.forward(hidden, emb, context) ?? hidden;
    for (const block of this.#upBlocks) hidden = block.forward(hidden, skips, emb, context);

    const output = this.#convOut.forward(silu(this.#convNormOut.forward(hidden)));
    return this.config.timeEmbeddingType === "fourier"
      ? output.div(timestep.cast().reshape([n, 1, 1, 1]))
      : output;
  }

  #checkShapes(
    sample: Tensor,
    timestep: Tensor,
    classLabels: Tensor | undefined,
    addedEmbedding: Tensor | undefined,
  ): void {
    const [n, h, w, c] = sample.shape;
    const { inChannels } = this.config;
    if (sample.shape.length !== 4 || c !== inChannels) {
      throw new ShapeError(
        `UNet2DModel: wants a sample [N, H, W, ${inChannels}], got ${showShape(sample.shape)}`,
      );
    }
    if (h % this.sizeFactor !== 0 || w % this.sizeFactor !== 0) {
      throw new ShapeError(
        `UNet2DModel: an image of ${h}x${w} cannot be halved ${this.#downBlocks.length - 1} times; height and width must be multiples of ${this.sizeFactor}`,
      );
    }
    if (timestep.shape.length !== 1 || timestep.shape[0] !== n) {
      throw new ShapeError(
        `UNet2DModel: wants one timestep for each of ${n} images, got ${showShape(timestep.shape)}`,
      );
    }
    if (addedEmbedding !== undefined && !sameShape(addedEmbedding.shape, [n, this.timeEmbedDim])) {
      throw new ShapeError(
        `UNet2DModel: wants addedEmbedding [${n}, ${this.timeEmbedDim}], got ${showShape(addedEmbedding.shape)}`,
      );
    }
    const wanted = this.classLabelsFor(n);
    if (wanted === null && classLabels !== undefined) {
      throw new ShapeError(
        "UNet2DModel: the model is not class-conditional; leave out classLabels, or set numClassEmbeds",
      );
    }
    if (wanted !== null && (classLabels === undefined || !sameShape(classLabels.shape, wanted.shape))) {
      const given = classLabels === undefined ? "none" : showShape(classLabels.shape);
      throw new ShapeError(
        `UNet2DModel: a class-conditional model wants classLabels ${showShape(wanted.shape)}, got ${given}`,
      );
    }
  }

  #buildTimeProjection(channels: number): TimeProjection {
    const { timeEmbeddingType, flipSinToCos, freqShift, numTrainTimesteps } = this.config;
    switch (timeEmbeddingType) {
      case "positional":
        return new Timesteps(channels, flipSinToCos, freqShift);
      case "fourier":
        return this.child("time_proj", new GaussianFourierProjection(channels, FOURIER_SCALE));
      case "learned":
        return this.child("time_proj", new Embedding(numTrainTimesteps ?? 0, channels));
      default:
        return timeEmbeddingType satisfies never;
    }
  }

  #buildClassEmbedding(timeFeatures: number): ((labels: Tensor) => Tensor) | null {
    const { classEmbedType, numClassEmbeds } = this.config;
    switch (classEmbedType) {
      case null: {
        if (numClassEmbeds === null) return null;
        const table = this.child("class_embedding", new Embedding(numClassEmbeds, this.timeEmbedDim));
        return (labels) => table.forward(labels);
      }
      case "timestep": {
        const embedding = this.child(
          "class_embedding",
          new TimestepEmbedding(timeFeatures, this.timeEmbedDim),
        );
        return (labels) => embedding.forward(this.#timeProj.forward(labels));
      }
      case "identity":
        return (labels) => labels;
      default:
        return classEmbedType satisfies never;
    }
  }

  get #resnetSettings(): ResnetSettings {
    const { normNumGroups, normEps, actFn, resnetTimeScaleShift, dropout } = this.config;
    return {
      tembChannels: this.timeEmbedDim,
      groups: normNumGroups,
      eps: normEps,
      actFn,
      timeScaleShift: resnetTimeScaleShift,
      dropout,
    };
  }

  #buildDownBlocks(): DownBlock2D[] {
    const { downBlockTypes, blockOutChannels, layersPerBlock, attentionHeadDim, downsampleType } =
      this.config;
    return blockOutChannels.map((outChannels, i) =>
      this.child(
        `down_blocks.${i}`,
        downBlock(downBlockTypes[i], {
          inChannels: blockOutChannels[Math.max(i - 1, 0)],
          outChannels,
          layers: layersPerBlock,
          attentionHeadDim: attentionHeadDim ?? outChannels,
          downsample: i === blockOutChannels.length - 1 ? null : downsampleType,
          downsamplePadding: this.config.downsamplePadding,
          resnet: this.#resnetSettings,
        }),
      ),
    );
  }

  #buildMidBlock(): UNetMidBlock2D | null {
    const { midBlockType, blockOutChannels, attentionHeadDim, attnNormNumGroups, normNumGroups } =
      this.config;
    if (midBlockType === null) return null;
    const channels = blockOutChannels[blockOutChannels.length - 1];
    const defaultGroups = this.config.resnetTimeScaleShift === "default" ? normNumGroups : null;
    const Block = midBlock(midBlockType);
    return this.child(
      "mid_block",
      new Block({
        channels,
        attentionHeadDim: this.config.addAttention ? (attentionHeadDim ?? channels) : null,
        attentionGroups: attnNormNumGroups ?? defaultGroups,
        outputScaleFactor: this.config.midBlockScaleFactor,
        resnet: this.#resnetSettings,
      }),
    );
  }

  #buildUpBlocks(): UpBlock2D[] {
    const { upBlockTypes, blockOutChannels, layersPerBlock, attentionHeadDim, upsampleType } = this.config;
    const channels = blockOutChannels.toReversed();
    return channels.map((outChannels, i) =>
      this.child(
        `up_blocks.${i}`,
        upBlock(upBlockTypes[i], {
          inChannels: channels[Math.min(i + 1, channels.length - 1)],
          outChannels,
          prevOutputChannel: channels[Math.max(i - 1, 0)],
          layers: layersPerBlock + 1,
          attentionHeadDim: attentionHeadDim ?? outChannels,
          upsample: i === channels.length - 1 ? null : upsampleType,
          resnet: this.#resnetSettings,
        }),
      ),
    );
  }
}
