// Single files of Stable Diffusion in the original layout: one .safetensors file with UNet, autoencoder and text encoders,
// whose names are those of CompVis' and Stability AI's programs.

import { paths } from "#platform";
import { VAE } from "../codecs/autoencoder.ts";
import { MODEL_CONFIG, readConfig, SCHEDULER_CONFIG } from "../io/diffusers_folder.ts";
import { quoted } from "../io/printable.ts";
import { openSafetensors, type SafetensorsFile } from "../io/safetensors.ts";
import { HALVES } from "../io/state_dict.ts";
import { AutoencoderKL } from "../models/autoencoder_kl.ts";
import { CLIPTextModel, CLIPTextModelWithProjection } from "../models/clip_text_model.ts";
import type { CLIPTokenizer } from "../models/clip_tokenizer.ts";
import type { CLIPTokenizerSettings } from "../models/clip_vocabulary.ts";
import { ORIGINAL_AUTOENCODER, originalAutoencoder } from "../models/original/autoencoder.ts";
import {
  ORIGINAL_LAYOUTS,
  type OriginalConfig,
  type OriginalLayout,
  type OriginalTextEncoder,
  type OriginalVersion,
  originalVersion,
} from "../models/original/layouts.ts";
import { fromOriginal, type OriginalPlaces } from "../models/original/places.ts";
import { isBareTextModel, originalTextModel } from "../models/original/text_model.ts";
import { ORIGINAL_UNET, originalUNet } from "../models/original/unet.ts";
import { UNet2DConditionModel } from "../models/unet_2d_condition_model.ts";
import type { Module } from "../nn/module.ts";
import { FileError } from "../platform/errors.ts";
import type { Scheduler } from "../schedulers/index.ts";
import { explained, SCHEDULER, schedulerFromJson, UNET, type Warn } from "./components.ts";
import { PipelineError } from "./errors.ts";
import { readTokenizer, TEXT_ENCODER, TEXT_ENCODER_2, TOKENIZER, TOKENIZER_2 } from "./text_components.ts";

const { join } = paths;

/** What a single file does not say. */
export interface SingleFileOptions {
  /**
   * The folder of the tokenizer, whose vocabulary is not in such files: `tokenizer` of a folder that diffusers saved.
   * Both tokenizers of Stable Diffusion XL have it, of which the second pads with "!". Default: those of `config`.
   */
  readonly tokenizer?: string;
  /**
   * A pipeline's folder as diffusers saves it, of which the configs of the models, the scheduler and the tokenizer are
   * read, but no weights. Default: the configs of the published models of the file's version.
   */
  readonly config?: string;
  /**
   * What the model of a file of Stable Diffusion 2 predicts. Default: "epsilon" where the file says that it was trained
   * for 875000 steps (stable-diffusion-2-base), otherwise "v_prediction", as in diffusers.
   */
  readonly predictionType?: "epsilon" | "v_prediction";
  /** Instead of the version's own. */
  readonly scheduler?: Scheduler;
  /** Called with warnings about parts of the files that are ignored. */
  readonly warn?: Warn;
}

/** The models of a single file, with their weights. */
export interface SingleFileParts {
  /** Which Stable Diffusion it is. */
  readonly version: OriginalVersion;
  readonly unet: UNet2DConditionModel;
  readonly vae: AutoencoderKL;
  /** By their names in a pipeline of diffusers: text_encoder, text_encoder_2. */
  readonly textEncoders: ReadonlyMap<string, CLIPTextModel>;
  readonly scheduler: Scheduler;
  /** Undefined of the refiner, which has the second text encoder alone. */
  readonly tokenizer: CLIPTokenizer | undefined;
  /** That of the second text encoder of Stable Diffusion XL. */
  readonly tokenizer2: CLIPTokenizer | undefined;
}

/** Whose files a pipeline draws with. */
export interface ExpectedVersions {
  readonly versions: readonly OriginalVersion[];
  /** In words. */
  readonly title: string;
}

/** The step of training at which stable-diffusion-2-base was published. */
const STEPS_OF_V2_BASE = 875_000;

/**
 * Reads a single file.
 * @param path of a .safetensors file in the original layout of Stable Diffusion 1, 2 or XL
 * @param expected default: any version
 * @throws FileError, PipelineError, in one line
 */
export async function readSingleFile(
  path: string,
  options: SingleFileOptions = {},
  expected?: ExpectedVersions,
): Promise<SingleFileParts> {
  const file = await openSafetensors(path);
  try {
    const version = versionOf(file, path);
    if (expected?.versions.includes(version) === false) {
      throw new PipelineError(
        `${path}: a file of ${ORIGINAL_LAYOUTS[version].title}, where one of ${expected.title} was expected`,
      );
    }
    const layout = await layoutOf(file, version, options);
    // Small files first, so that their errors appear before weights are read.
    const scheduler = options.scheduler ?? schedulerFromJson(layout.scheduler, path, options.warn);
    const tokenizers = await tokenizersOf(path, version, options);
    const made = modelsOf(layout, file.names, path);
    checkNames(file, made, path);
    for (const { model, places } of made.all) await load(file, model, places, path);
    const { unet, vae, textEncoders } = made;
    return { version, unet, vae, textEncoders, scheduler, ...tokenizers };
  } finally {
    await file.close();
  }
}

/** Which Stable Diffusion a single file is of, by its tensors' names. @throws FileError for another file */
export async function singleFileVersion(path: string): Promise<OriginalVersion> {
  const file = await openSafetensors(path);
  try {
    return versionOf(file, path);
  } finally {
    await file.close();
  }
}

function versionOf({ names }: SafetensorsFile, path: string): OriginalVersion {
  const found = originalVersion(names);
  if ("problem" in found) throw new FileError(path, found.problem);
  return found.version;
}

/** The configs of a file: of its version, or of a folder, with what the tensors' shapes say. */
async function layoutOf(
  file: SafetensorsFile,
  version: OriginalVersion,
  { config: folder, predictionType }: SingleFileOptions,
): Promise<OriginalLayout> {
  const known = ORIGINAL_LAYOUTS[version];
  const layout = folder === undefined ? known : await layoutOfFolder(folder, known);
  const convIn = `${ORIGINAL_UNET}input_blocks.0.0.weight`;
  const inChannels = file.has(convIn) ? file.info(convIn).shape[1] : undefined;
  const unet = { ...layout.unet, ...(inChannels !== undefined && { in_channels: inChannels }) };
  if (folder !== undefined) {
    if (predictionType === undefined) return { ...layout, unet };
    return { ...layout, unet, scheduler: { ...layout.scheduler, prediction_type: predictionType } };
  }
  if (version !== "v2" && predictionType === undefined) return { ...layout, unet };
  const prediction = predictionType ?? ((await isV2Base(file)) ? "epsilon" : "v_prediction");
  const scheduler = { ...layout.scheduler, prediction_type: prediction };
  // The base of Stable Diffusion 2 draws 512 pixels, the one that predicts velocities 768.
  const isSmall = version === "v2" && prediction === "epsilon";
  return { ...layout, unet: { ...unet, ...(isSmall && { sample_size: 64 }) }, scheduler };
}

async function isV2Base(file: SafetensorsFile): Promise<boolean> {
  const name = "global_step";
  if (!file.has(name) || file.info(name).byteLength > 8) return false;
  const [step] = await file.read(name);
  return Number(step) === STEPS_OF_V2_BASE;
}

/** The configs of a pipeline's folder in place of a version's. @throws FileError */
async function layoutOfFolder(folder: string, layout: OriginalLayout): Promise<OriginalLayout> {
  const json = async (component: string, file: string): Promise<OriginalConfig> => {
    const { className, settings } = await readConfig(join(folder, component), file);
    return { ...settings, ...(className !== undefined && { _class_name: className }) };
  };
  const textEncoders: OriginalTextEncoder[] = [];
  for (const encoder of layout.textEncoders) {
    textEncoders.push({ ...encoder, config: await json(encoder.component, MODEL_CONFIG) });
  }
  return {
    ...layout,
    unet: await json(UNET, MODEL_CONFIG),
    vae: await json(VAE, MODEL_CONFIG),
    scheduler: await json(SCHEDULER, SCHEDULER_CONFIG),
    textEncoders,
  };
}

/** The models of a file, without weights, and where those stand. */
interface Made {
  readonly unet: UNet2DConditionModel;
  readonly vae: AutoencoderKL;
  readonly textEncoders: ReadonlyMap<string, CLIPTextModel>;
  readonly all: readonly {
    readonly model: Module;
    readonly prefix: string;
    readonly places: OriginalPlaces;
  }[];
}

const TEXT_MODELS = { CLIPTextModel, CLIPTextModelWithProjection } as const;

function modelsOf(layout: OriginalLayout, names: readonly string[], path: string): Made {
  const { unet, vae, textModels } = explained(path, () => ({
    unet: UNet2DConditionModel.fromConfig(layout.unet),
    vae: AutoencoderKL.fromConfig(layout.vae),
    textModels: layout.textEncoders.map((encoder) => ({
      ...encoder,
      model: TEXT_MODELS[encoder.className].fromConfig(encoder.config),
    })),
  }));
  const all = [
    ...textModels.map(({ model, layout, prefix }) => ({
      model,
      prefix,
      places: originalTextModel(model, layout, prefix, isBareTextModel(names, prefix)),
    })),
    { model: vae, prefix: ORIGINAL_AUTOENCODER, places: originalAutoencoder(vae) },
    { model: unet, prefix: ORIGINAL_UNET, places: explained(path, () => originalUNet(unet)) },
  ];
  return {
    unet,
    vae,
    textEncoders: new Map(textModels.map(({ component, model }) => [component, model])),
    all,
  };
}

/** What models of these files do not compute with: tables of places, losses, and the rest of CLIP. */
const UNUSED =
  /\.position_ids$|\.logit_scale$|\.text_projection$|\.attn_mask$|^first_stage_model\.(?:loss|model_ema)\./;
/** The layer of OpenCLIP that Stable Diffusion 2 leaves out. */
const LAST_LAYER = /^cond_stage_model\.model\.transformer\.resblocks\.23\./;

/** @throws FileError for tensors that are missing, or that a model does not have */
function checkNames(file: SafetensorsFile, { all }: Made, path: string): void {
  const wanted = new Set(all.flatMap(({ places }) => [...places.values()].map(({ name }) => name)));
  const missing = [...wanted].filter((name) => !file.has(name));
  const left = file.names.filter(
    (name) => !wanted.has(name) && all.some(({ prefix }) => name.startsWith(prefix)),
  );
  const unexpected = left.filter((name) => !UNUSED.test(name) && !LAST_LAYER.test(name));
  const problems = [
    ...(missing.length > 0 ? [`${listed(missing)} missing`] : []),
    ...(unexpected.length > 0 ? [`${listed(unexpected)} not expected`] : []),
  ];
  if (problems.length === 0) return;
  throw new FileError(
    path,
    `the tensors are not those of the models: ${problems.join("; ")}; of a model of another size, give a folder with its configs as config`,
  );
}

function listed(names: readonly string[]): string {
  const first = names.slice(0, 2).map((name) => quoted(name));
  return names.length > 2 ? `${first.join(", ")} and ${names.length - 2} more` : first.join(" and ");
}

async function load(
  file: SafetensorsFile,
  model: Module,
  places: OriginalPlaces,
  path: string,
): Promise<void> {
  const parameters = model.namedParameters();
  const read = async (name: string) => {
    const { shape, dtype } = file.info(name);
    const half = HALVES[dtype];
    return { half, shape, data: await (half === undefined ? file.readFloat32(name) : file.readBits(name)) };
  };
  for await (const [name, { data, shape }, { half }] of fromOriginal(places, read)) {
    const parameter = parameters.get(name);
    explained(path, () => {
      if (data instanceof Float32Array) parameter?.load({ data, shape });
      else if (half !== undefined) parameter?.loadHalf({ bits: data, shape, dtype: half });
    });
  }
  model.moveOnUpload();
}

/** What fills the prompts of OpenCLIP's text encoders: the first word of the vocabulary. */
const OPENCLIP_PADDING = { padToken: "!" };

async function tokenizersOf(
  path: string,
  version: OriginalVersion,
  options: SingleFileOptions,
): Promise<Pick<SingleFileParts, "tokenizer" | "tokenizer2">> {
  const read = tokenizerReader(path, options);
  const components = ORIGINAL_LAYOUTS[version].textEncoders.map(({ component }) => component);
  return {
    tokenizer: components.includes(TEXT_ENCODER) ? await read(TOKENIZER) : undefined,
    tokenizer2: components.includes(TEXT_ENCODER_2) ? await read(TOKENIZER_2, OPENCLIP_PADDING) : undefined,
  };
}

/** Reads a component of the config's folder, or the tokenizer that is given, with settings in place of its own. */
function tokenizerReader(
  path: string,
  { tokenizer, config }: SingleFileOptions,
): (component: string, settings?: Partial<CLIPTokenizerSettings>) => Promise<CLIPTokenizer> {
  if (tokenizer !== undefined) return (_, settings) => readTokenizer(tokenizer, settings);
  if (config !== undefined) return (component) => readTokenizer(join(config, component));
  throw new PipelineError(
    `${path}: the vocabulary is not in such a file; give the folder of the tokenizer as tokenizer, such as "tokenizer" of a folder that diffusers saved`,
  );
}
