// Writes a single file of Stable Diffusion in the original layout.

import type { Autoencoder } from "../codecs/autoencoder.ts";
import { quoted } from "../io/printable.ts";
import { type TensorEntry, writeSafetensors } from "../io/safetensors.ts";
import { AutoencoderKL } from "../models/autoencoder_kl.ts";
import type { CLIPTextModel } from "../models/clip_text_model.ts";
import { originalAutoencoder } from "../models/original/autoencoder.ts";
import { ORIGINAL_LAYOUTS } from "../models/original/layouts.ts";
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
   * The names of Stable Diffusion 1 or 2, which differ for the text encoder. Default: those of 2 for a UNet with
   * `useLinearProjection`, which only that has.
   */
  readonly version?: "v1" | "v2";
}

/** Writes the models of Stable Diffusion 1 or 2 into a single file. @throws FileError, PipelineError, in one line */
export async function writeSingleFile(
  path: string,
  {
    unet,
    vae,
    textEncoder,
  }: { unet: UNet2DConditionModel; vae: Autoencoder | undefined; textEncoder: CLIPTextModel },
  options: SaveSingleFileOptions = {},
): Promise<void> {
  const { version = unet.config.useLinearProjection ? "v2" : "v1" } = options;
  const dtype = weightDtype(options.dtype);
  if (version !== "v1" && version !== "v2") {
    throw new PipelineError(`version is ${quoted(version)}, expected v1 or v2`);
  }
  if (!(vae instanceof AutoencoderKL)) {
    throw new PipelineError(
      "the pipeline has another autoencoder than AutoencoderKL, which the original layout does not have; save its folder with savePretrained",
    );
  }
  const [{ layout, prefix }] = ORIGINAL_LAYOUTS[version].textEncoders;
  const tensors = new Map<string, TensorEntry>();
  const add = (model: Module, places: OriginalPlaces) => {
    for (const [name, weight] of toOriginal(places, model.stateDict()))
      tensors.set(name, { ...weight, dtype });
  };
  add(
    unet,
    explained(path, () => originalUNet(unet)),
  );
  add(vae, originalAutoencoder(vae));
  add(textEncoder, originalTextModel(textEncoder, layout, prefix));
  await writeSafetensors(path, tensors);
}
