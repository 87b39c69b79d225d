// The entry imago/nn of the package.

/**
 * Layers and optimizers, built from engine ops only; parameters carry the names of a diffusers state dict. Images are
 * [N, H, W, C]. How a model is made of them: [CONTRIBUTING.md](../../CONTRIBUTING.md#add-a-model).
 * @module imago/nn
 */

export {
  type Activation,
  type ActivationName,
  activation,
  activationNames,
  gelu,
  hiddenActivationNames,
  relu,
  silu,
} from "./activations.ts";
export { AdaLayerNormZero, type AdaLayerNormZeroResult, modulated } from "./ada_layer_norm_zero.ts";
export {
  type AdamWOptions,
  type AdamWScalars,
  type AdamWState,
  adamw,
  adamwDefaults,
  adamwScalars,
} from "./adamw.ts";
export { Attention, type AttentionOptions } from "./attention.ts";
export { BasicTransformerBlock, type BasicTransformerBlockOptions } from "./basic_transformer_block.ts";
export { clipCoefficient, globalNorm } from "./clip_grad_norm.ts";
export { Conv2d, type Conv2dOptions } from "./conv2d.ts";
export { CrossAttention, type CrossAttentionOptions } from "./cross_attention.ts";
export { type DotProductAttentionOptions, dotProductAttention } from "./dot_product_attention.ts";
export { averagePool2x2, Downsample2D } from "./downsample_2d.ts";
export { dropout } from "./dropout.ts";
export { Embedding } from "./embedding.ts";
export {
  FeedForward,
  type FeedForwardName,
  type FeedForwardOptions,
  feedForwardNames,
  GEGLU,
} from "./feed_forward.ts";
export { evaluation, type ForwardContext, RandomStream } from "./forward_context.ts";
export { GroupNorm, type GroupNormOptions } from "./group_norm.ts";
export { constantInit, type Initializer, normal, uniformFanIn } from "./init.ts";
export { LayerNorm, type LayerNormOptions } from "./layer_norm.ts";
export { Linear } from "./linear.ts";
export { Module } from "./module.ts";
export { ModuleGroup } from "./module_group.ts";
export {
  type MuonOptions,
  type MuonScalars,
  type MuonState,
  muon,
  muonDefaults,
  muonScalars,
  orthogonalize,
} from "./muon.ts";
export { Parameter, type ParameterLayout, type ParameterOptions } from "./parameter.ts";
export { PatchEmbed, type PatchEmbedOptions } from "./patch_embed.ts";
export { averagePool3x3, maxPool3x3, maxPool3x3Stride2 } from "./pool_2d.ts";
export { ResnetBlock2D, type ResnetBlock2DOptions, type TimeScaleShift } from "./resnet_block_2d.ts";
export { Shadow } from "./shadow.ts";
export {
  GaussianFourierProjection,
  type TimeProjection,
  TimestepEmbedding,
  type TimestepEmbeddingOptions,
  Timesteps,
} from "./timestep_embedding.ts";
export { CombinedTimestepLabelEmbeddings } from "./timestep_label_embeddings.ts";
export { Transformer2DModel, type Transformer2DOptions } from "./transformer_2d_model.ts";
export { nearestUpsample2x, Upsample2D } from "./upsample_2d.ts";
export { type Quantized, VectorQuantizer } from "./vector_quantizer.ts";
