// What draws a request: the model's pipeline, with the request's prompt if the model draws what a prompt says.

import { DDPMPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline } from "imago";
import type { DrawRequest } from "../messages.ts";
import type { Model } from "./model.ts";

/** Draws as a pipeline without prompts does. */
export type Drawer = Pick<DDPMPipeline, "generate" | "generateImages" | "decode" | "codec" | "imageSize">;

/** @throws Error where the prompt is missing, or is one too many */
export function drawerOf({ pipeline }: Model, { prompt, negativePrompt }: DrawRequest): Drawer {
  if (pipeline instanceof DDPMPipeline) {
    if (prompt === undefined) return pipeline;
    throw new Error("this model sees no prompts; leave the prompt empty");
  }
  if (prompt === undefined) throw new Error("this model draws what a prompt says; write a prompt");
  if (!(pipeline instanceof StableDiffusionPipeline || pipeline instanceof StableDiffusionXLPipeline)) {
    throw new Error("this pipeline starts from an image: imago sample draws with it, in a terminal");
  }
  const texts = { prompt, ...(negativePrompt !== undefined && { negativePrompt }) };
  const { codec, imageSize } = pipeline;
  return {
    codec,
    imageSize,
    decode: (latents) => pipeline.decode(latents),
    generate: (options) => pipeline.generate({ ...options, ...texts }),
    generateImages: (options) => pipeline.generateImages({ ...options, ...texts }),
  };
}

/** The pipeline for what only models without prompts do. @throws Error for others */
export function withoutPrompts({ pipeline }: Model): DDPMPipeline {
  if (pipeline instanceof DDPMPipeline) return pipeline;
  throw new Error("only models without prompts do this; choose another model");
}
