// What draws a request: the model's pipeline, with the request's prompt if the model draws what a prompt says.

import { DDPMPipeline } from "imago";
import type { DrawRequest } from "../messages.ts";
import type { Model } from "./model.ts";
import { PromptPipelines } from "./prompt_pipelines.ts";

/** Draws as a pipeline without prompts does. */
export type Drawer = Pick<DDPMPipeline, "generate" | "generateImages" | "decode" | "codec" | "imageSize">;

/** @throws Error where the prompt is missing, or is one too many */
export async function drawerOf({ pipeline }: Model, request: DrawRequest): Promise<Drawer> {
  const { prompt } = request;
  if (pipeline instanceof PromptPipelines) {
    if (prompt === undefined) throw new Error("this model draws what a prompt says; write a prompt");
    return pipeline.drawer({ ...request, prompt });
  }
  if (prompt !== undefined) throw new Error("this model sees no prompts; leave the prompt empty");
  if (request.start === undefined) return pipeline;
  throw new Error("this model sees no prompts, and starts from no image; leave the image out");
}

/** The pipeline for what only models without prompts do. @throws Error for others */
export function withoutPrompts({ pipeline }: Model): DDPMPipeline {
  if (pipeline instanceof DDPMPipeline) return pipeline;
  throw new Error("only models of pixels or patches without prompts do this; choose another model");
}
