// UNet2DConditionModel: the UNet of Stable Diffusion 1, 2 and XL (Rombach et al. 2022, Podell et al. 2023) and of latent
// consistency models, with diffusers' options and names.

import * as exact from "../engine/math/index.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
import { plain } from "../io/plain.ts";
import { type Activation, activation } from "../nn/activations.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { evaluation, type ForwardContext } from "../nn/forward_context.ts";
import { GroupNorm } from "../nn/group_norm.ts";
import { Module } from "../nn/module.ts";
import type {
  ClassEmbedding,
  ConditionInput,
  ConditionSizes,
  Conditions,
  Denoiser,
  DenoiserInputs,
  TimestepKind,
} from "./denoiser.ts";
import { extentOf } from "./model_config.ts";
import { DownBlock2D, type ResnetSettings, UpBlock2D } from "./unet_2d_blocks.ts";
import {
  CrossAttnDownBlock2D,
  CrossAttnUpBlock2D,
  type TransformerSettings,
  UNetMidBlock2DCrossAttn,
} from "./unet_2d_condition_blocks.ts";
import {
  atLevel,
  MOST_PARAMETERS,
  UNET_2D_CONDITION_CLASS,
  type UNet2DConditionConfig,
  type UNet2DConditionOptions,
  unet2DConditionConfigs,
  unet2DConditionConfigToJson,
  unet2DConditionFloatKeys,
} from "./unet_2d_condition_config.ts";
import { UNet2DConditionEmbeddings } from "./unet_2d_condition_embeddings.ts";
import { checkInputs, conditionInputs } from "./unet_2d_condition_inputs.ts";

/** A level on the way down. */
interface DownLevel extends Module {
  forward(
    x: Tensor,
    temb: Tensor,
    context: ForwardContext,
    condition: Tensor,
  ): { hidden: Tensor; skips: Tensor[] };
}

/** A level on the way up. */
interface UpLevel extends Module {
  forward(x: Tensor, skips: Tensor[], temb: Tensor, context: ForwardContext, condition: Tensor): Tensor;
}

/**
 * The UNet that sees a prompt (diffusers' UNet2DConditionModel): latents [N, H, W, C], timesteps [N] and the tokens of a
 * prompt [N, S, D] to a prediction [N, H, W, C].
 */
export class UNet2DConditionModel extends Module implements Denoiser {
  readonly className = UNET_2D_CONDITION_CLASS;
  readonly floatKeys = unet2DConditionFloatKeys;
  /** All options, checked. */
  readonly config: UNet2DConditionConfig;
  readonly #convIn: Conv2d;
  readonly #embeddings: UNet2DConditionEmbeddings;
  readonly #downBlocks: readonly DownLevel[];
  readonly #midBlock: UNetMidBlock2DCrossAttn | null;
  readonly #upBlocks: readonly UpLevel[];
  readonly #convNormOut: GroupNorm;
  readonly #convAct: Activation;
  readonly #convOut: Conv2d;

  /** @throws ModelConfigError when an option does not fit */
  constructor(options: UNet2DConditionOptions = {}) {
    super();
    const config = unet2DConditionConfigs.resolve(options);
    this.config = config;
    const [channels] = config.blockOutChannels;
    try {
      this.#convIn = this.child("conv_in", sameSize(config.inChannels, channels, config.convInKernel));
      this.#embeddings = new UNet2DConditionEmbeddings(config);
      this.include(this.#embeddings);
      this.#downBlocks = this.#buildDownBlocks();
      this.#midBlock = this.#buildMidBlock();
      this.#upBlocks = this.#buildUpBlocks();
      const { normNumGroups: groups, normEps: eps } = config;
      this.#convNormOut = this.child("conv_norm_out", new GroupNorm({ groups, channels, eps }));
      this.#convAct = activation(config.actFn);
      this.#convOut = this.child("conv_out", sameSize(channels, config.outChannels, config.convOutKernel));
    } catch (error) {
      throw unet2DConditionConfigs.explained(error);
    }
    unet2DConditionConfigs.checkParameterCount(this.parameterCount, MOST_PARAMETERS);
  }

  /** From a config.json's contents. @throws ModelConfigError when it is for another class or does not fit */
  static fromConfig(json: unknown): UNet2DConditionModel {
    return new UNet2DConditionModel(unet2DConditionConfigs.fromJson(json).config);
  }

  /** The contents of config.json as diffusers writes it. */
  toConfig(): JsonObject {
    return unet2DConditionConfigToJson(this.config);
  }

  withoutValues(): UNet2DConditionModel {
    return new UNet2DConditionModel(this.config);
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

  /** Height and width of the latents must be multiples of this. */
  get sizeFactor(): number {
    return exact.powerOfTwo(this.config.blockOutChannels.length - 1);
  }

  get timesteps(): TimestepKind {
    return { type: "positional" };
  }

  get timeEmbedDim(): number {
    return this.#embeddings.timeEmbedDim;
  }

  get dropout(): number {
    return this.config.dropout;
  }

  get classEmbedding(): ClassEmbedding | null {
    const { classEmbedType: type, numClassEmbeds: rows } = this.config;
    if (type !== null) return { type: type === "timestep" ? type : "identity" };
    return rows === null ? null : { type: "table", rows };
  }

  conditionsFor(n: number, sizes: ConditionSizes = {}): Conditions<ConditionInput> {
    return conditionInputs(this.config, this.timeEmbedDim, n, sizes);
  }

  /**
   * @param sample x_t, [N, H, W, inChannels]; H and W multiples of `sizeFactor`
   * @param timestep i32 or f32 [N]
   * @param inputs exactly the conditions that `conditionsFor` names; `encoderHiddenStates` of any number of tokens
   * @returns [N, H, W, outChannels]
   * @throws ShapeError when a shape does not fit
   */
  forward(sample: Tensor, timestep: Tensor, inputs: DenoiserInputs = {}): Tensor {
    const { addedEmbedding, context = evaluation } = inputs;
    const condition = checkInputs(this, sample, timestep, inputs);
    const own = this.#embeddings.forward(timestep, inputs); // [N, timeEmbedDim]
    const emb = addedEmbedding === undefined ? own : own.add(addedEmbedding);

    let hidden = this.#convIn.forward(this.config.centerInputSample ? sample.mul(2).sub(1) : sample);
    const skips = [hidden];
    for (const block of this.#downBlocks) {
      const result = block.forward(hidden, emb, context, condition);
      hidden = result.hidden;
      skips.push(...result.skips);
    }
    hidden = this.#midBlock?.forward(hidden, emb, context, condition) ?? hidden;
    for (const block of this.#upBlocks) hidden = block.forward(hidden, skips, emb, context, condition);
    return this.#convOut.forward(this.#convAct(this.#convNormOut.forward(hidden)));
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

  #transformerSettings(level: number): TransformerSettings {
    const { attentionHeadDim, transformerLayersPerBlock, crossAttentionDim, useLinearProjection } =
      this.config;
    return {
      heads: atLevel(attentionHeadDim, level),
      layers: atLevel(transformerLayersPerBlock, level),
      crossAttentionDim: atLevel(crossAttentionDim, level),
      useLinearProjection,
    };
  }

  #buildDownBlocks(): DownLevel[] {
    const { downBlockTypes, blockOutChannels, layersPerBlock, downsamplePadding } = this.config;
    return blockOutChannels.map((outChannels, level) => {
      const isLast = level === blockOutChannels.length - 1;
      const options = {
        inChannels: blockOutChannels[Math.max(level - 1, 0)],
        outChannels,
        layers: atLevel(layersPerBlock, level),
        downsamplePadding,
        resnet: this.#resnetSettings,
      };
      const transformer = this.#transformerSettings(level);
      const known = {
        DownBlock2D: () =>
          new DownBlock2D({ ...options, attentionHeadDim: null, downsample: isLast ? null : "conv" }),
        CrossAttnDownBlock2D: () =>
          new CrossAttnDownBlock2D({ ...options, transformer, downsample: !isLast }),
      };
      return this.child(`down_blocks.${level}`, chosen<DownLevel>("down", known, downBlockTypes[level]));
    });
  }

  #buildMidBlock(): UNetMidBlock2DCrossAttn | null {
    const { midBlockType, blockOutChannels, midBlockScaleFactor } = this.config;
    if (midBlockType === null) return null;
    const last = blockOutChannels.length - 1;
    return this.child(
      "mid_block",
      new UNetMidBlock2DCrossAttn({
        channels: blockOutChannels[last],
        outputScaleFactor: midBlockScaleFactor,
        resnet: this.#resnetSettings,
        transformer: this.#transformerSettings(last),
      }),
    );
  }

  #buildUpBlocks(): UpLevel[] {
    const { upBlockTypes, blockOutChannels, layersPerBlock } = this.config;
    const levels = blockOutChannels.length;
    return upBlockTypes.map((type, i) => {
      const level = levels - 1 - i;
      const isLast = level === 0;
      const options = {
        inChannels: blockOutChannels[Math.max(level - 1, 0)],
        outChannels: blockOutChannels[level],
        prevOutputChannel: blockOutChannels[Math.min(level + 1, levels - 1)],
        layers: atLevel(layersPerBlock, level) + 1,
        resnet: this.#resnetSettings,
      };
      const transformer = this.#transformerSettings(level);
      const known = {
        UpBlock2D: () =>
          new UpBlock2D({ ...options, attentionHeadDim: null, upsample: isLast ? null : "conv" }),
        CrossAttnUpBlock2D: () => new CrossAttnUpBlock2D({ ...options, transformer, upsample: !isLast }),
      };
      return this.child(`up_blocks.${i}`, chosen<UpLevel>("up", known, type));
    });
  }
}

/** A convolution that keeps height and width. */
const sameSize = (inChannels: number, outChannels: number, kernelSize: number): Conv2d =>
  new Conv2d({ inChannels, outChannels, kernelSize, padding: (kernelSize - 1) / 2 });

/** @throws ModelConfigError for an unknown type, naming those known */
function chosen<T>(kind: string, known: Readonly<Record<string, () => T>>, type: string): T {
  if (Object.hasOwn(known, type)) return known[type]();
  throw unet2DConditionConfigs.error(
    `unknown ${kind} block type ${plain(type)}; known are ${Object.keys(known).join(", ")}`,
  );
}
