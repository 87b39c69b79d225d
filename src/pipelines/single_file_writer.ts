// Writes a single file of Stable Diffusion in the original layout.

import type { Autoencoder } from "../codecs/autoencoder.ts";
import { quoted } from "../io/printable.ts";
import { type PendingTensor, writePending } from "../io/safetensors.ts";
import { AutoencoderKL } from "../models/autoencoder_kl.ts";
import type { CLIPTextModel } from "../models/clip_text_model.ts";
import { originalAutoencoder } from "../models/original/autoencoder.ts";
import {
  ORIGINAL_LAYOUTS,
  type OriginalTextEncoder,
  type OriginalVersion,
} from "../models/original/layouts.ts";
import { type OriginalPlaces, toOriginal } from "../models/original/places.ts";
import { originalTextModel } from "../models/original/text_model.ts";
import { originalUNet } from "../models/original/unet.ts";
import type { UNet2DConditionModel } from "../models/unet_2d_condition_model.ts";
import type { Module } from "../nn/module.ts";
import { explained } from "./components.ts";
import { PipelineError } from "./errors.ts";
import { type SavedDtype, weightDtype } from "./saved_dtype.ts";

/** How a single file is written. */
export interface SaveSingleFileOptions {
  /** The type of the weights: "fp16" and "bf16" take half the room. Default "fp32". */
  readonly dtype?: SavedDtype;
  /**
   * Whose names the tensors have. Default: as the text encoders say; of 1 and 2, which have one, those of 2 for a UNet
   * with `useLinearProjection`, which only that has.
   */
  readonly version?: OriginalVersion;
}

/** What is in a single file. */
interface SingleFileModels {
  readonly unet: UNet2DConditionModel;
  /** Undefined for another kind of codec. */
  readonly vae: Autoencoder | undefined;
  /** By their names in diffusers: text_encoder, text_encoder_2. */
  readonly textEncoders: ReadonlyMap<string, CLIPTextModel>;
}

/** Writes the models of a Stable Diffusion into a single file. @throws FileError, PipelineError, in one line */
export async function writeSingleFile(
  path: string,
  models: SingleFileModels,
  options: SaveSingleFileOptions = {},
): Promise<void> {
  const { unet, vae, textEncoders } = models;
  const dtype = weightDtype(options.dtype);
  if (!(vae instanceof AutoencoderKL)) {
    throw new PipelineError(
      "the pipeline has another autoencoder than AutoencoderKL, which the original layout does not have; save its folder with savePretrained",
    );
  }
  const tensors = new Map<string, PendingTensor>();
  const add = (model: Module, places: OriginalPlaces) => {
    for (const [name, { shape, read }] of toOriginal(places, model.weightSources())) {
      tensors.set(name, { shape, dtype, read: () => read(dtype) });
    }
  };
  for (const { component, layout, prefix } of textEncodersOf(models, options.version)) {
    const model = textEncoders.get(component);
    if (model === undefined) {
      throw new PipelineError(`the pipeline has no ${component}, which files of ${options.version} have`);
    }
    add(model, originalTextModel(model, layout, prefix));
  }
  add(vae, originalAutoencoder(vae));
  const places = explained(path, () => originalUNet(unet));
  add(unet, places);
  await writePending(path, tensors);
}

function textEncodersOf(
  models: SingleFileModels,
  version = usualVersion(models),
): readonly OriginalTextEncoder[] {
  if (Object.hasOwn(ORIGINAL_LAYOUTS, version)) return ORIGINAL_LAYOUTS[version].textEncoders;
  const known = Object.keys(ORIGINAL_LAYOUTS).join(", ");
  throw new PipelineError(`version is ${quoted(version)}, expected one of ${known}`);
}

function usualVersion({ unet, textEncoders }: SingleFileModels): OriginalVersion {
  if (textEncoders.has("text_encoder_2")) return textEncoders.has("text_encoder") ? "xl" : "xl-refiner";
  return unet.config.useLinearProjection ? "v2" : "v1";
}
