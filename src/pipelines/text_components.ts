// The components of pipelines that draw what a prompt says: UNet, autoencoder, CLIP's text encoder and tokenizer. A new
// kind is a row in STABLE_DIFFUSION_KINDS.

import { paths } from "#platform";
import { type Autoencoder, autoencoder, VAE } from "../codecs/autoencoder.ts";
import { MODEL_CONFIG, readConfig } from "../io/diffusers_folder.ts";
import { type ReadStateDictOptions, weightFiles } from "../io/state_dict.ts";
import type { WeightsLibrary } from "../io/weight_names.ts";
import { AutoencoderKL } from "../models/autoencoder_kl.ts";
import { AutoencoderTiny } from "../models/autoencoder_tiny.ts";
import { CLIPTextModel } from "../models/clip_text_model.ts";
import { CLIPTokenizer } from "../models/clip_tokenizer.ts";
import { CLIP_TOKENIZER_CHOICES, clipTokenizerFiles } from "../models/clip_vocabulary.ts";
import { UNet2DConditionModel } from "../models/unet_2d_condition_model.ts";
import { VQModel } from "../models/vq_model.ts";
import type { Module } from "../nn/module.ts";
import { type ComponentKind, explained, readWeights, schedulerKind, UNET } from "./components.ts";
import { PipelineError } from "./errors.ts";

export { VAE };
export const TEXT_ENCODER = "text_encoder";
export const TOKENIZER = "tokenizer";

const { join } = paths;

/** Prompts are read first, because their files are small. */
export const STABLE_DIFFUSION_KINDS: readonly ComponentKind<UNet2DConditionModel>[] = [
  schedulerKind,
  tokenizerKind("CLIPTokenizer"),
  tokenizerKind("CLIPTokenizerFast"),
  {
    name: TEXT_ENCODER,
    className: "CLIPTextModel",
    library: "transformers",
    ...weighted(CLIPTextModel.fromConfig, (textEncoder) => ({ textEncoder }), "transformers"),
  },
  autoencoderKind("AutoencoderKL", AutoencoderKL.fromConfig),
  autoencoderKind("AutoencoderTiny", AutoencoderTiny.fromConfig),
  autoencoderKind("VQModel", VQModel.fromConfig),
  {
    name: UNET,
    className: "UNet2DConditionModel",
    ...weighted(UNet2DConditionModel.fromConfig, (unet) => ({ unet })),
  },
];

type Kind = ComponentKind<UNet2DConditionModel>;
type Part = Awaited<ReturnType<Kind["read"]>>;

/** A model with a config.json and weights. */
function weighted<M extends Module>(
  fromConfig: (json: unknown) => M,
  partOf: (model: M) => Part,
  library: WeightsLibrary = "diffusers",
): Pick<Kind, "files" | "read"> {
  return {
    files: (names, { variant }, source) => [
      MODEL_CONFIG,
      ...weightFiles(names, { variant, library }, source),
    ],
    read: async (folder, { variant }) => partOf(await readModel(folder, fromConfig, { variant, library })),
  };
}

function autoencoderKind(className: string, fromConfig: (json: unknown) => Autoencoder): Kind {
  return { name: VAE, className, ...weighted(fromConfig, (model) => ({ codec: autoencoder(model) })) };
}

function tokenizerKind(className: string): Kind {
  return {
    name: TOKENIZER,
    className,
    files: (names) => clipTokenizerFiles(names),
    mayHave: CLIP_TOKENIZER_CHOICES,
    read: async (folder) => ({ tokenizer: await readTokenizer(folder) }),
  };
}

/** Reads the folder of a tokenizer. @throws FileError, PipelineError */
export async function readTokenizer(folder: string): Promise<CLIPTokenizer> {
  try {
    return await CLIPTokenizer.fromFolder(folder);
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
  await readWeights(folder, model, options);
  return model;
}
