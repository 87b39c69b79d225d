// DiTTransformer2DModel: the class-conditional transformer of latents (Peebles & Xie 2023, arXiv 2212.09748), with
// diffusers' options and names.

import { ShapeError, sameShape, showShape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
import { silu } from "../nn/activations.ts";
import { modulated } from "../nn/ada_layer_norm_zero.ts";
import { evaluation } from "../nn/forward_context.ts";
import { LayerNorm } from "../nn/layer_norm.ts";
import { Linear } from "../nn/linear.ts";
import { Module } from "../nn/module.ts";
import { PatchEmbed } from "../nn/patch_embed.ts";
import type {
  ClassEmbedding,
  ConditionInput,
  Conditions,
  Denoiser,
  DenoiserInputs,
  TimestepKind,
} from "./denoiser.ts";
import {
  DIT_CLASS,
  type DiTTransformer2DConfig,
  type DiTTransformer2DOptions,
  ditConfigFromJson,
  ditConfigs,
  ditConfigToJson,
  ditFloatKeys,
  tokenChannels,
} from "./dit_transformer_2d_config.ts";
import { DiTTransformerBlock } from "./dit_transformer_block.ts";
import { MOST_PARAMETERS } from "./unet_2d_condition_config.ts";

/** Added to the variance in the last norm. */
const EPS = 1e-6;

/**
 * The diffusion transformer (diffusers' DiTTransformer2DModel): latents [N, H, W, C], timesteps [N] and classes [N] to a
 * prediction [N, H, W, C]. Its patches are the tokens of a transformer.
 */
export class DiTTransformer2DModel extends Module implements Denoiser {
  readonly className = DIT_CLASS;
  readonly floatKeys = ditFloatKeys;
  /** Null: each block embeds the timestep for itself. */
  readonly timeEmbedDim = null;
  /** All options, checked. */
  readonly config: DiTTransformer2DConfig;
  readonly #posEmbed: PatchEmbed;
  readonly #blocks: readonly DiTTransformerBlock[];
  readonly #normOut: LayerNorm;
  readonly #projOut1: Linear;
  readonly #projOut2: Linear;

  /** @throws ModelConfigError when an option does not fit */
  constructor(options: DiTTransformer2DOptions = {}) {
    super();
    const config = ditConfigs.resolve(options);
    this.config = config;
    const { sampleSize, patchSize, inChannels } = config;
    const embedDim = tokenChannels(config);
    try {
      this.#posEmbed = this.child(
        "pos_embed",
        new PatchEmbed({ sampleSize, patchSize, inChannels, embedDim }),
      );
      this.#blocks = Array.from({ length: config.numLayers }, (_, i) =>
        this.child(`transformer_blocks.${i}`, new DiTTransformerBlock(config)),
      );
      this.#normOut = new LayerNorm(embedDim, EPS, { elementwiseAffine: false });
      this.#projOut1 = this.child("proj_out_1", new Linear(embedDim, 2 * embedDim));
      this.#projOut2 = this.child(
        "proj_out_2",
        new Linear(embedDim, patchSize * patchSize * this.outChannels),
      );
    } catch (error) {
      throw ditConfigs.explained(error);
    }
    ditConfigs.checkParameterCount(this.parameterCount, MOST_PARAMETERS);
  }

  /**
   * From a config.json's contents, of this class or of Transformer2DModel with norm_type "ada_norm_zero".
   * @throws ModelConfigError when it is for another class or does not fit
   */
  static fromConfig(json: unknown): DiTTransformer2DModel {
    return new DiTTransformer2DModel(ditConfigFromJson(json));
  }

  /** The contents of config.json as diffusers writes it. */
  toConfig(): JsonObject {
    return ditConfigToJson(this.config);
  }

  withoutValues(): DiTTransformer2DModel {
    return new DiTTransformer2DModel(this.config);
  }

  get inChannels(): number {
    return this.config.inChannels;
  }

  get outChannels(): number {
    return this.config.outChannels ?? this.config.inChannels;
  }

  get sampleSize(): { readonly height: number; readonly width: number } {
    const { sampleSize } = this.config;
    return { height: sampleSize, width: sampleSize };
  }

  /** Height and width of the latents must be multiples of this: the size of a patch. */
  get sizeFactor(): number {
    return this.config.patchSize;
  }

  get timesteps(): TimestepKind {
    return { type: "positional" };
  }

  get dropout(): number {
    return this.config.dropout;
  }

  get classEmbedding(): ClassEmbedding {
    const { numEmbedsAdaNorm: classes } = this.config;
    return { type: "table", rows: classes + 1, nullClass: classes };
  }

  conditionsFor(n: number): Conditions<ConditionInput> {
    return { classLabels: { shape: [n], dtype: "i32" } };
  }

  /**
   * @param sample x_t, [N, H, W, inChannels]; H and W multiples of `sizeFactor`
   * @param timestep i32 or f32 [N]
   * @param inputs `classLabels`, i32 [N]; number `numEmbedsAdaNorm` is no class
   * @returns [N, H, W, outChannels]
   * @throws ShapeError when a shape does not fit
   */
  forward(sample: Tensor, timestep: Tensor, inputs: DenoiserInputs = {}): Tensor {
    const { context = evaluation } = inputs;
    const labels = this.#checkInputs(sample, timestep, inputs);
    let tokens = this.#posEmbed.forward(sample); // [N, T, C]
    for (const block of this.#blocks) tokens = block.forward(tokens, timestep, labels, context);
    const [n, , channels] = tokens.shape;
    const emb = this.#blocks[0].embed(timestep, labels); // [N, C]
    const [shift, scale] = this.#projOut1
      .forward(silu(emb))
      .reshape([n, 1, 2 * channels])
      .split(2, -1);
    return this.#image(
      this.#projOut2.forward(modulated(this.#normOut.forward(tokens), scale, shift)),
      sample,
    );
  }

  /** Tokens [N, T, p · p · outChannels] of the patches of `sample` -> [N, H, W, outChannels]. */
  #image(tokens: Tensor, { shape: [n, height, width] }: Tensor): Tensor {
    const { patchSize: p } = this.config;
    return tokens
      .reshape([n, height / p, width / p, p, p, this.outChannels])
      .permute([0, 1, 3, 2, 4, 5])
      .reshape([n, height, width, this.outChannels]);
  }

  /** @returns the classes */
  #checkInputs(sample: Tensor, timestep: Tensor, { classLabels, ...others }: DenoiserInputs): Tensor {
    const [n, h, w, c] = sample.shape;
    const { inChannels, patchSize } = this.config;
    if (sample.shape.length !== 4 || c !== inChannels) {
      throw problem(`wants a sample [N, H, W, ${inChannels}], got ${showShape(sample.shape)}`);
    }
    if (h % patchSize !== 0 || w % patchSize !== 0) {
      throw problem(`latents of ${h}x${w} do not fit; height and width must be multiples of ${patchSize}`);
    }
    if (!sameShape(timestep.shape, [n])) {
      throw problem(`wants one timestep for each of ${n} images, got ${showShape(timestep.shape)}`);
    }
    const { context: _, ...unknown } = others;
    const [more] = Object.entries(unknown).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    if (more !== undefined) throw problem(`has no place for ${more}; leave it out`);
    if (classLabels !== undefined && sameShape(classLabels.shape, [n])) return classLabels;
    const given = classLabels === undefined ? "none" : showShape(classLabels.shape);
    throw problem(`wants classLabels [${n}], got ${given}`);
  }
}

const problem = (text: string): ShapeError => new ShapeError(`${DIT_CLASS}: ${text}`);
