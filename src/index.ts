// The entry imago of the package. Names are those of Hugging Face diffusers.

/**
 * Diffusion models: `Trainer` trains one on images, `DDPMPipeline` draws with it; files are those of Hugging Face diffusers.
 * Images are `Pixels`, or tensors [N, H, W, C] with values from 0 to 1; models see -1 to 1. Everything of `imago/data`,
 * `imago/metrics` and `imago/schedulers` is here too, and of `imago/engine` what most programs need. How training goes:
 * [training.md](../docs/training.md).
 * @module imago
 */

export { type Autoencoder, type AutoencoderCodec, autoencoder } from "./codecs/autoencoder.ts";
export type { Codec, CustomPipeline, Division, ImageSize, SavedCodec } from "./codecs/codec.ts";
export { PATCH_SIZES, type PatchSize, patches } from "./codecs/patches.ts";
export {
  AUGMENT_LIMITS,
  AUGMENT_OPTIONS,
  type AugmentDraw,
  type AugmentOptions,
  type Batch,
  BatchSampler,
  type BatchSamplerOptions,
  type BrokenImage,
  type CacheEntry,
  type CatalogEntry,
  CatalogReading,
  type CatalogSummary,
  type ClassLabels,
  CONDITION_SIZE,
  type ColorChange,
  clearImageCache,
  DataError,
  drawButterfly,
  type EdmDraw,
  type FolderOptions,
  type FolderSource,
  type FormOptions,
  fillBatch,
  fillConditions,
  ImageCatalog,
  type ImageFiles,
  type ImageSource,
  imageCacheFolder,
  imageFolder,
  type LocalImages,
  type LocalOptions,
  listImageCache,
  type NearDuplicates,
  type NearPair,
  type NearSummary,
  NO_AUGMENTATION,
  nearDuplicates,
  type OpenImagesOptions,
  type Originals,
  type OriginalsSummary,
  openImageFiles,
  openImages,
  type ReadImages,
  type ReadingStage,
  type ReadingStatus,
  type SourceSelection,
  type SyntheticOptions,
  synthetic,
} from "./data/index.ts";
export type { Communicator } from "./distributed/communicator.ts";
export { DistributedError } from "./distributed/errors.ts";
export { DISTRIBUTED_MODES, type DistributedMode, openCommunicator } from "./distributed/open.ts";
export { singleProcess } from "./distributed/single.ts";
export {
  type Backend,
  type Executable,
  GpuError,
  type HostArray,
  type KernelTiming,
  MemoryError,
  type MemoryNeed,
  NativeCodeError,
  type ProgramSpec,
  type ProgramStats,
  ThreadError,
} from "./engine/backend.ts";

export {
  BACKEND_CHOICES,
  BACKEND_NAMES,
  type BackendChoice,
  type BackendName,
  type BackendOptions,
  createBackend,
} from "./engine/backends/create.ts";
export { type HostTensor, hostTensor } from "./engine/host_tensor.ts";
export { type PhiloxKey, philoxNormal, philoxUniform } from "./engine/random/philox.ts";
export { TorchGenerator, type TorchGeneratorState } from "./engine/random/torch_generator.ts";
export { ShapeError } from "./engine/shape.ts";
export {
  concat,
  constant,
  full,
  grad,
  input,
  normal,
  type Operand,
  Tensor,
  uniform,
  variable,
} from "./engine/tensor.ts";
export type { ModelIndex, PipelineComponent, SavedComponent } from "./io/diffusers_folder.ts";
export type { JsonObject, JsonValue } from "./io/diffusers_json.ts";
export type { Dtype, TensorArray } from "./io/dtypes.ts";
export {
  type DatasetKind,
  type DatasetOptions,
  type Environment,
  type FetchOptions,
  type FetchProgress,
  fetchDataset,
  fetchFiles,
  type HubDataset,
  HubError,
  type HubFile,
  type HubKind,
  type HubName,
  type HubOptions,
  type HubReason,
  type HubRepo,
  type HubSettings,
  hubSettings,
  type ListOptions,
  listRepo,
  parseHubName,
} from "./io/hub/index.ts";
export {
  type AnimatedFormat,
  type AnimationOptions,
  type Channels,
  decodeImage,
  type Extent,
  encodeAnimation,
  encodePng,
  type Fit,
  type FitOptions,
  fitted,
  type GridOptions,
  imageGrid,
  type Pixels,
  type Rgb,
  toRgb,
  withChannels,
  writeAnimation,
  writeImage,
} from "./io/image/index.ts";
export {
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type StoredTensor,
  type TensorEntry,
  writeSafetensors,
} from "./io/safetensors.ts";
export type { TensorInfo } from "./io/safetensors_header.ts";
export {
  type HalfWeight,
  type HostWeight,
  type ReadStateDictOptions,
  readStateDict,
  type StateDict,
  type WeightDtype,
  type WeightElements,
  type WeightSource,
  type WriteStateDictOptions,
  type WrittenWeights,
  writeStateDict,
} from "./io/state_dict.ts";
export { unzipFolder } from "./io/unzip_folder.ts";
export type { WeightsLibrary } from "./io/weight_names.ts";
export { zipFolder } from "./io/zip_folder.ts";
export * from "./metrics/index.ts";
export { AutoencoderKL, type Tiles } from "./models/autoencoder_kl.ts";
export type { AutoencoderKLConfig, AutoencoderKLOptions } from "./models/autoencoder_kl_config.ts";
export { AutoencoderTiny } from "./models/autoencoder_tiny.ts";
export type { AutoencoderTinyConfig, AutoencoderTinyOptions } from "./models/autoencoder_tiny_config.ts";
export type { CLIPTextConfig, CLIPTextOptions } from "./models/clip_text_config.ts";
export {
  CLIPTextModel,
  CLIPTextModelWithProjection,
  type CLIPTextOutput,
  type CLIPTextOutputWithProjection,
} from "./models/clip_text_model.ts";
export { type CLIPEncodeOptions, CLIPTokenizer, type TokenizedPrompts } from "./models/clip_tokenizer.ts";
export type {
  CLIPAddedToken,
  CLIPMerge,
  CLIPTokenizerSettings,
  CLIPVocabulary,
} from "./models/clip_vocabulary.ts";
export type {
  ClassEmbedding,
  ConditionInput,
  ConditionName,
  ConditionSizes,
  Conditions,
  Denoiser,
  DenoiserInputs,
  TimestepKind,
} from "./models/denoiser.ts";
export { DiagonalGaussianDistribution } from "./models/diagonal_gaussian.ts";
export type { DiTTransformer2DConfig, DiTTransformer2DOptions } from "./models/dit_transformer_2d_config.ts";
export { DiTTransformer2DModel } from "./models/dit_transformer_2d_model.ts";
export type { OriginalVersion } from "./models/original/layouts.ts";
export type { UNet2DConditionConfig, UNet2DConditionOptions } from "./models/unet_2d_condition_config.ts";
export { UNet2DConditionModel } from "./models/unet_2d_condition_model.ts";
export { ModelConfigError, type UNet2DConfig, type UNet2DOptions } from "./models/unet_2d_config.ts";
export { type UNet2DInputs, UNet2DModel } from "./models/unet_2d_model.ts";
export { type VQDecoded, VQModel, type VQModelConfig, type VQModelOptions } from "./models/vq_model.ts";
export type { AdaptiveOptions, GeneratedStep } from "./pipelines/adaptive.ts";
export type { SizeOptions } from "./pipelines/beginning.ts";
export { type BitsPerDim, type BitsPerDimOptions, bitsPerDim } from "./pipelines/bits_per_dim.ts";
export type {
  ClassLabel,
  ClassOptions,
  GuidanceKind,
  Id2Label,
  ModelClasses,
} from "./pipelines/class_labels.ts";
export type { PipelineModel, Warn } from "./pipelines/components.ts";
export type {
  Condition,
  Conditioner,
  ConditionInputs,
  Guidance,
  ImageRange,
} from "./pipelines/conditioner.ts";
export { DDPMPipeline } from "./pipelines/ddpm_pipeline.ts";
export type {
  BatchStep,
  DrawOptions,
  FromPretrainedOptions,
  PipelineOptions,
} from "./pipelines/diffusion_pipeline.ts";
export { type DiTParts, DiTPipeline } from "./pipelines/dit_pipeline.ts";
export { PipelineError } from "./pipelines/errors.ts";
export { imageNoise } from "./pipelines/image_noise.ts";
export type { ImageStartOptions } from "./pipelines/image_start.ts";
export { toImages } from "./pipelines/images.ts";
export type { InpaintOptions } from "./pipelines/inpaint_start.ts";
export type { LatentLoadOptions, LatentPipelineOptions } from "./pipelines/latents.ts";
export { type LDMParts, LDMPipeline } from "./pipelines/ldm_pipeline.ts";
export { type LoadedPipeline, type LoadPipelineOptions, loadPipeline } from "./pipelines/load_pipeline.ts";
export type { LoraComponent } from "./pipelines/lora/names.ts";
export type { NamedEncoder, NamedEncoders } from "./pipelines/prompt_conditioner.ts";
export type { Encoding, PromptEncoder } from "./pipelines/prompt_encoder.ts";
export {
  type PromptOptions,
  PromptPipeline,
  type StableDiffusionLoadOptions,
  type StableDiffusionPipelineOptions,
} from "./pipelines/prompt_pipeline.ts";
export { type RePaintOptions, RePaintPipeline } from "./pipelines/repaint_pipeline.ts";
export type { SamplingDefaults } from "./pipelines/sampling_defaults.ts";
export type { SavedDtype } from "./pipelines/saved_dtype.ts";
export type { DenoisingEndOptions, DenoisingOptions } from "./pipelines/schedule_part.ts";
export { type GenerateOptions, SchedulerPipeline } from "./pipelines/scheduler_pipeline.ts";
export type { BatchNoise, SeedCompat, SeedOptions } from "./pipelines/seeding.ts";
export type { SingleFileOptions } from "./pipelines/single_file.ts";
export type { SaveSingleFileOptions } from "./pipelines/single_file_writer.ts";
export {
  type StableDiffusionImg2ImgOptions,
  StableDiffusionImg2ImgPipeline,
} from "./pipelines/stable_diffusion_img2img_pipeline.ts";
export {
  type StableDiffusionInpaintOptions,
  StableDiffusionInpaintPipeline,
} from "./pipelines/stable_diffusion_inpaint_pipeline.ts";
export type { StableDiffusionParts } from "./pipelines/stable_diffusion_parts.ts";
export {
  type StableDiffusionOptions,
  StableDiffusionPipeline,
} from "./pipelines/stable_diffusion_pipeline.ts";
export {
  type StableDiffusionXLImg2ImgOptions,
  StableDiffusionXLImg2ImgPipeline,
} from "./pipelines/stable_diffusion_xl_img2img_pipeline.ts";
export {
  type StableDiffusionXLInpaintOptions,
  StableDiffusionXLInpaintPipeline,
} from "./pipelines/stable_diffusion_xl_inpaint_pipeline.ts";
export type { StableDiffusionXLParts } from "./pipelines/stable_diffusion_xl_parts.ts";
export {
  type StableDiffusionXLOptions,
  StableDiffusionXLPipeline,
} from "./pipelines/stable_diffusion_xl_pipeline.ts";
export { type OneTextEncoder, TextConditioner, type TextSettings } from "./pipelines/text_conditioner.ts";
export type { TextOptions } from "./pipelines/text_options.ts";
export {
  TextXLConditioner,
  type TextXLOptions,
  type TextXLSettings,
  type TwoTextEncoders,
} from "./pipelines/text_xl_conditioner.ts";
export type { CornerPair, SizePair, TimeIdOptions } from "./pipelines/time_ids.ts";
export { walkNoise } from "./pipelines/walk_noise.ts";
export {
  type FuseLoraOptions,
  type LoraOptions,
  type SavePretrainedOptions,
  WeightsPipeline,
} from "./pipelines/weights_pipeline.ts";
export { FileError } from "./platform/errors.ts";
export type { DecodedImage, Permit } from "./platform/platform.ts";
export * from "./schedulers/index.ts";
export { DivergenceError, RunFolderError, TrainingOptionError } from "./training/errors.ts";
export { type PresetForm, type PresetOptions, presetOptions } from "./training/preset_options.ts";
export {
  isPresetName,
  PRESET_NAMES,
  PRESETS,
  type Preset,
  type PresetName,
  type RunLength,
} from "./training/presets.ts";
export type { InitRecord, InitSource } from "./training/run/initial_weights.ts";
export type { Quality } from "./training/run/quality.ts";
export type { RunFolder } from "./training/run/run_folder.ts";
export type { TrainSettings } from "./training/settings.ts";
export { AugmentEmbedding } from "./training/step/augment_embedding.ts";
export {
  type DiffusionObjective,
  type FlowObjective,
  type Objective,
  type TrainScheduler,
  trainSchedulerOf,
} from "./training/step/objective.ts";
export {
  isHiddenMatrix,
  type OptimizerMoments,
  type OptimizerName,
  type OptimizerOptions,
} from "./training/step/optimizer.ts";
export type { TimestepSampling, TimestepSamplingName } from "./training/step/timestep_sampling.ts";
export {
  buildSplitTrainStep,
  buildTrainStep,
  type SplitTrainStep,
  type SplitTrainStepOptions,
  type TrainState,
  type TrainStep,
  type TrainStepFeeds,
  type TrainStepOptions,
} from "./training/step/train_step.ts";
export { Trainer, type TrainProgress } from "./training/trainer.ts";
export type { TrainerOptions, TrainStage } from "./training/trainer_options.ts";
export { VERSION } from "./version.ts";
