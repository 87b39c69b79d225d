// The components of pipelines of latents: UNet, autoencoder, and, where they see prompts, CLIP's text encoder and
// tokenizer. A new kind is a row in STABLE_DIFFUSION_KINDS, or, of Stable Diffusion XL alone, in
// STABLE_DIFFUSION_XL_KINDS.

import { paths } from "#platform";
import { type Autoencoder, autoencoder, VAE } from "../codecs/autoencoder.ts";
import { MODEL_CONFIG, readConfig } from "../io/diffusers_folder.ts";
import { type ReadStateDictOptions, weightFiles } from "../io/state_dict.ts";
import type { WeightsLibrary } from "../io/weight_names.ts";
import { AutoencoderKL } from "../models/autoencoder_kl.ts";
import { AutoencoderTiny } from "../models/autoencoder_tiny.ts";
import { CLIPTextModel, CLIPTextModelWithProjection } from "../models/clip_text_model.ts";
import { CLIPTokenizer } from "../models/clip_tokenizer.ts";
import {
  CLIP_TOKENIZER_CHOICES,
  type CLIPTokenizerSettings,
  clipTokenizerFiles,
} from "../models/clip_vocabulary.ts";
import type { Denoiser } from "../models/denoiser.ts";
import { DIT_CLASS, FORMER_DIT_CLASS } from "../models/dit_transformer_2d_config.ts";
import { DiTTransformer2DModel } from "../models/dit_transformer_2d_model.ts";
import { UNet2DConditionModel } from "../models/unet_2d_condition_model.ts";
import { VQModel } from "../models/vq_model.ts";
import type { Module } from "../nn/module.ts";
import {
  COMPONENT_KINDS,
  type ComponentKind,
  explained,
  type PipelineModel,
  type PipelineParts,
  readWeights,
  schedulerKind,
  UNET,
} from "./components.ts";
import { PipelineError } from "./errors.ts";

export { VAE };
export const TEXT_ENCODER = "text_encoder";
export const TOKENIZER = "tokenizer";
export const TEXT_ENCODER_2 = "text_encoder_2";
export const TOKENIZER_2 = "tokenizer_2";
export const VQVAE = "vqvae";
export const TRANSFORMER = "transformer";

const { join } = paths;

/** Prompts are read first, because their files are small. */
export const STABLE_DIFFUSION_KINDS: readonly ComponentKind<UNet2DConditionModel>[] = [
  schedulerKind,
  ...tokenizerKinds(TOKENIZER, (tokenizer) => ({ tokenizer })),
  {
    name: TEXT_ENCODER,
    className: "CLIPTextModel",
    library: "transformers",
    ...weighted(CLIPTextModel.fromConfig, (textEncoder) => ({ textEncoder }), "transformers"),
  },
  autoencoderKind(VAE, "AutoencoderKL", AutoencoderKL.fromConfig),
  autoencoderKind(VAE, "AutoencoderTiny", AutoencoderTiny.fromConfig),
  autoencoderKind(VAE, "VQModel", VQModel.fromConfig),
  {
    name: UNET,
    className: "UNet2DConditionModel",
    ...weighted(UNet2DConditionModel.fromConfig, (unet) => ({ unet })),
  },
];

/** Those of Stable Diffusion XL, which has two text encoders. */
export const STABLE_DIFFUSION_XL_KINDS: readonly ComponentKind<UNet2DConditionModel>[] = [
  ...tokenizerKinds(TOKENIZER_2, (tokenizer2) => ({ tokenizer2 })),
  ...STABLE_DIFFUSION_KINDS,
  {
    name: TEXT_ENCODER_2,
    className: "CLIPTextModelWithProjection",
    library: "transformers",
    ...weighted(CLIPTextModelWithProjection.fromConfig, (textEncoder2) => ({ textEncoder2 }), "transformers"),
  },
];

/** Those of LDMPipeline, whose model sees no prompt. */
export const LATENT_DIFFUSION_KINDS: readonly ComponentKind<PipelineModel>[] = [
  ...COMPONENT_KINDS,
  autoencoderKind(VQVAE, "VQModel", VQModel.fromConfig),
];

/** Those of DiTPipeline, whose model sees classes. */
export const DIFFUSION_TRANSFORMER_KINDS: readonly ComponentKind<DiTTransformer2DModel>[] = [
  schedulerKind,
  autoencoderKind(VAE, "AutoencoderKL", AutoencoderKL.fromConfig),
  ...[DIT_CLASS, FORMER_DIT_CLASS].map((className) => ({
    name: TRANSFORMER,
    className,
    ...weighted(DiTTransformer2DModel.fromConfig, (unet) => ({ unet })),
  })),
];

type Part<D extends Denoiser> = Partial<PipelineParts<D>>;

/** A model with a config.json and weights. */
function weighted<M extends Module, D extends Denoiser>(
  fromConfig: (json: unknown) => M,
  partOf: (model: M) => Part<D>,
  library: WeightsLibrary = "diffusers",
): Pick<ComponentKind<D>, "files" | "read"> {
  return {
    files: (names, { variant }, source) => [
      MODEL_CONFIG,
      ...weightFiles(names, { variant, library }, source),
    ],
    read: async (folder, { variant }) => partOf(await readModel(folder, fromConfig, { variant, library })),
  };
}

function autoencoderKind(
  name: string,
  className: string,
  fromConfig: (json: unknown) => Autoencoder,
): ComponentKind<never> {
  return { name, className, ...weighted(fromConfig, (model) => ({ codec: autoencoder(model) })) };
}

function tokenizerKinds(
  name: string,
  partOf: (tokenizer: CLIPTokenizer) => Part<never>,
): ComponentKind<never>[] {
  return ["CLIPTokenizer", "CLIPTokenizerFast"].map((className) => ({
    name,
    className,
    files: (names) => clipTokenizerFiles(names),
    mayHave: CLIP_TOKENIZER_CHOICES,
    read: async (folder) => partOf(await readTokenizer(folder)),
  }));
}

/** Reads the folder of a tokenizer. @param settings in place of its own. @throws FileError, PipelineError */
export async function readTokenizer(
  folder: string,
  settings?: Partial<CLIPTokenizerSettings>,
): Promise<CLIPTokenizer> {
  try {
    return await CLIPTokenizer.fromFolder(folder, settings);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PipelineError(`${folder}: ${error.message}`, { cause: error });
  }
}

/** Reads the folder of a model. @throws FileError, PipelineError */
async function readModel<M extends Module>(
  folder: string,
  fromConfig: (json: unknown) => M,
  options: ReadStateDictOptions,
): Promise<M> {
  const { className, settings } = await readConfig(folder, MODEL_CONFIG);
  const json = className === undefined ? settings : { ...settings, _class_name: className };
  const model = explained(join(folder, MODEL_CONFIG), () => fromConfig(json));
  await readWeights(folder, model, { ...options, keepsHalves: true });
  return model.moveOnUpload();
}
