// The refiner of imago sample: a second model of Stable Diffusion XL, which goes on from the latents of the first one.

import { paths } from "#platform";
import type { Pixels } from "../../io/image/index.ts";
import { isUrl } from "../../io/url.ts";
import { ORIGINAL_LAYOUTS } from "../../models/original/layouts.ts";
import { STABLE_DIFFUSION_XL } from "../../pipelines/families.ts";
import { pipelineClass } from "../../pipelines/folders.ts";
import type { PipelineSourceOptions } from "../../pipelines/hub.ts";
import type { PromptOptions, StableDiffusionLoadOptions } from "../../pipelines/prompt_pipeline.ts";
import { singleFileVersion } from "../../pipelines/single_file.ts";
import { isSingleFile, withPipelineFolder } from "../../pipelines/source.ts";
import { StableDiffusionXLImg2ImgPipeline } from "../../pipelines/stable_diffusion_xl_img2img_pipeline.ts";
import { StableDiffusionXLInpaintPipeline } from "../../pipelines/stable_diffusion_xl_inpaint_pipeline.ts";
import { TOKENIZER } from "../../pipelines/text_components.ts";
import { UsageError } from "../errors.ts";
import { checkModelSource } from "../model_source.ts";
import type { SampleFlags } from "./flags.ts";
import type { Refining } from "./handover.ts";
import { familyOfVersion } from "./model_file.ts";
import type { ModelPlace } from "./open_model.ts";
import { type PipelineClass, readPipeline, type WeightsPlace } from "./read_pipeline.ts";

const { join } = paths;

/** Where on the way from noise to the image a refiner takes over, as its authors did. */
export const DENOISING_END = 0.8;

/** Where a refiner is read from. */
export interface RefinerPlace {
  readonly weights: WeightsPlace;
  /** The folder of the vocabulary, which all models of XL share, for a single file. */
  readonly tokenizer: string;
}

/**
 * Finds the refiner, if there is one, and downloads it; its weights are read once they are needed.
 * @param base the model that draws before it
 * @throws UsageError for another kind of model; errors of finding it
 */
export async function refinerPlace(
  base: ModelPlace,
  flags: SampleFlags,
  options: Omit<PipelineSourceOptions, "families" | "onClass" | "revision">,
): Promise<RefinerPlace | undefined> {
  const { refiner } = flags;
  if (refiner === undefined) return undefined;
  if (isUrl(refiner)) {
    throw new UsageError(
      `--refiner ${refiner}: expected a folder, hf:OWNER/NAME or a single file, as it is read late; download it`,
    );
  }
  await checkModelSource(refiner);
  const tokenizer = vocabularyOf(base, flags);
  if (await isSingleFile(refiner)) {
    const version = await singleFileVersion(refiner);
    if (familyOfVersion(version) !== STABLE_DIFFUSION_XL) {
      throw notOfXL(refiner, `a file of ${ORIGINAL_LAYOUTS[version].title}`);
    }
    return { weights: { file: refiner }, tokenizer };
  }
  const families = [STABLE_DIFFUSION_XL] as const;
  return withPipelineFolder(refiner, { ...options, families }, async (folder) => {
    const className = await pipelineClass(folder);
    if (!STABLE_DIFFUSION_XL.classNames.includes(className)) throw notOfXL(refiner, `a ${className}`);
    return { weights: { folder }, tokenizer };
  });
}

const notOfXL = (refiner: string, what: string): UsageError =>
  new UsageError(
    `--refiner ${refiner}: ${what}, expected a model of Stable Diffusion XL, such as its refiner`,
  );

function vocabularyOf(base: ModelPlace, { tokenizer, config = "" }: SampleFlags): string {
  return tokenizer ?? join("folder" in base ? base.folder : config, TOKENIZER);
}

/** What a refiner draws, besides what it goes on from. */
export interface RefinerCall {
  readonly options: PromptOptions;
  /** Where on the way from noise to the image it takes over. */
  readonly denoisingStart: number;
  /** What is drawn anew, if the rest is put back after each step. */
  readonly maskImage: Pixels | undefined;
  readonly isTiled: boolean;
}

/** Reads a refiner. @throws PipelineError, FileError, in one line, for what is damaged or does not fit */
export async function openRefiner(
  { weights, tokenizer }: RefinerPlace,
  reading: StableDiffusionLoadOptions,
  call: RefinerCall,
): Promise<Refining> {
  const { maskImage, denoisingStart } = call;
  const options = { ...call.options, denoisingStart };
  const read = <P>(kind: PipelineClass<P>) => readPipeline(kind, weights, reading, { tokenizer });
  if (maskImage === undefined) {
    const pipeline = await read(StableDiffusionXLImg2ImgPipeline);
    return refining(pipeline, call, (image, more) => pipeline.generateImages({ ...options, ...more, image }));
  }
  const pipeline = await read(StableDiffusionXLInpaintPipeline);
  return refining(pipeline, call, (image, more) =>
    pipeline.generateImages({ ...options, ...more, image, maskImage }),
  );
}

function refining(
  pipeline: StableDiffusionXLImg2ImgPipeline | StableDiffusionXLInpaintPipeline,
  { isTiled }: RefinerCall,
  refine: Refining["refine"],
): Refining {
  if (isTiled) pipeline.enableVaeTiling();
  return {
    refine,
    decode: (latents) => pipeline.decode(latents),
    isTiled: () => pipeline.codec.division?.useTiling ?? false,
    close: () => pipeline.close(),
  };
}
