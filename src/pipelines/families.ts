// Families of pipelines: classes of diffusers whose folders hold the same kinds of components.

import type { ModelIndex } from "../io/diffusers_folder.ts";
import type { Denoiser } from "../models/denoiser.ts";
import type { DiTTransformer2DModel } from "../models/dit_transformer_2d_model.ts";
import type { UNet2DConditionModel } from "../models/unet_2d_condition_model.ts";
import {
  COMPONENT_KINDS,
  type ComponentKind,
  CUSTOM_PIPELINES,
  type PipelineModel,
  type ReadCustomPipeline,
  SCHEDULER,
  UNET,
} from "./components.ts";
import {
  DIFFUSION_TRANSFORMER_KINDS,
  LATENT_DIFFUSION_KINDS,
  STABLE_DIFFUSION_KINDS,
  STABLE_DIFFUSION_XL_KINDS,
  TEXT_ENCODER,
  TEXT_ENCODER_2,
  TOKENIZER,
  TOKENIZER_2,
  TRANSFORMER,
  VAE,
  VQVAE,
} from "./text_components.ts";

/** Pipelines whose folders hold the same kinds of components. D: their model. */
export interface PipelineFamily<D extends Denoiser = Denoiser> {
  /** Their classes in diffusers. */
  readonly classNames: readonly string[];
  /** Classes that a folder's own pipeline.py defines. */
  readonly custom: ReadonlyMap<string, ReadCustomPipeline>;
  readonly kinds: readonly ComponentKind<D>[];
  /** The name of the component that is the model. */
  readonly model: string;
  /** Names of the components that each has. */
  readonly required: readonly string[];
  /** Names of components without which the images are the same. */
  readonly passedOver: readonly string[];
  /** What each has besides its model, in words that follow the model's class. */
  readonly besides: string;
}

/** Pipelines that consist of a UNet and a scheduler only, and draw images in the same way. */
export const UNCONDITIONAL: PipelineFamily<PipelineModel> = {
  classNames: ["DDPMPipeline", "DDIMPipeline", "PNDMPipeline", "ConsistencyModelPipeline", "RePaintPipeline"],
  custom: CUSTOM_PIPELINES,
  kinds: COMPONENT_KINDS,
  model: UNET,
  required: [UNET, SCHEDULER],
  passedOver: [],
  besides: "and a scheduler alone",
};

/** Pipelines of latents that see no prompts. */
export const LATENT_DIFFUSION: PipelineFamily<PipelineModel> = {
  classNames: ["LDMPipeline"],
  custom: new Map(),
  kinds: LATENT_DIFFUSION_KINDS,
  model: UNET,
  required: [UNET, SCHEDULER, VQVAE],
  passedOver: [],
  besides: "with a scheduler and a VQModel (vqvae)",
};

/** Pipelines of latents whose model is a transformer that sees classes. */
export const DIFFUSION_TRANSFORMER: PipelineFamily<DiTTransformer2DModel> = {
  classNames: ["DiTPipeline"],
  custom: new Map(),
  kinds: DIFFUSION_TRANSFORMER_KINDS,
  model: TRANSFORMER,
  required: [TRANSFORMER, SCHEDULER, VAE],
  passedOver: [],
  besides: "with a scheduler and an AutoencoderKL (vae)",
};

/** Pipelines that draw what a prompt says. */
export const STABLE_DIFFUSION: PipelineFamily<UNet2DConditionModel> = {
  classNames: [
    "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline",
    "StableDiffusionInpaintPipeline",
    "LatentConsistencyModelPipeline",
    "LatentConsistencyModelImg2ImgPipeline",
  ],
  custom: new Map(),
  kinds: STABLE_DIFFUSION_KINDS,
  model: UNET,
  required: [UNET, SCHEDULER, VAE, TEXT_ENCODER, TOKENIZER],
  passedOver: ["safety_checker", "feature_extractor"],
  besides: "with a scheduler, an autoencoder, and CLIP's text encoder and tokenizer",
};

/** Those with two text encoders, or the second one alone, and sizes that the model is told. */
export const STABLE_DIFFUSION_XL: PipelineFamily<UNet2DConditionModel> = {
  classNames: [
    "StableDiffusionXLPipeline",
    "StableDiffusionXLImg2ImgPipeline",
    "StableDiffusionXLInpaintPipeline",
  ],
  custom: new Map(),
  kinds: STABLE_DIFFUSION_XL_KINDS,
  model: UNET,
  required: [UNET, SCHEDULER, VAE, TEXT_ENCODER_2, TOKENIZER_2],
  passedOver: ["feature_extractor"],
  besides: "with a scheduler, an autoencoder, and two of CLIP's text encoders and tokenizers",
};

/** Whether pipelines of a family draw what a prompt says. */
export const seesPrompts = (family: PipelineFamily): boolean =>
  family === STABLE_DIFFUSION || family === STABLE_DIFFUSION_XL;

/** All families. */
export const FAMILIES = [
  UNCONDITIONAL,
  LATENT_DIFFUSION,
  DIFFUSION_TRANSFORMER,
  STABLE_DIFFUSION,
  STABLE_DIFFUSION_XL,
] as const;

/** The family of a pipeline among those expected; the first where it is of none, which then says what it wants. */
export const familyOf = (
  { className }: ModelIndex,
  [first, ...others]: readonly [PipelineFamily, ...PipelineFamily[]],
): PipelineFamily => others.find(({ classNames }) => classNames.includes(className)) ?? first;
