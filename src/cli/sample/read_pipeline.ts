// Reads a pipeline that sees prompts, of a class, from a folder or a single file.

import type {
  StableDiffusionLoadOptions,
  StableDiffusionPipelineOptions,
} from "../../pipelines/prompt_pipeline.ts";
import type { SingleFileOptions } from "../../pipelines/single_file.ts";

/** A class of pipelines. */
export interface PipelineClass<P> {
  fromPretrained(folder: string, options: StableDiffusionLoadOptions): Promise<P>;
  fromSingleFile(path: string, options: SingleFileOptions & StableDiffusionPipelineOptions): Promise<P>;
}

/** Where its weights are. */
export type WeightsPlace = { readonly folder: string } | { readonly file: string };

/** @param ofFile what a single file does not say. @throws errors of reading it, in one line */
export const readPipeline = <P>(
  kind: PipelineClass<P>,
  place: WeightsPlace,
  options: StableDiffusionLoadOptions,
  ofFile: SingleFileOptions,
): Promise<P> =>
  "file" in place
    ? kind.fromSingleFile(place.file, { ...options, ...ofFile })
    : kind.fromPretrained(place.folder, options);
