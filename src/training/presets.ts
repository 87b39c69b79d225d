// Presets: named recipes of a model, a noise schedule and the numbers of its training. Every number can be overridden.

import type { ImageSize } from "../codecs/codec.ts";
import { type PatchSize, patchesOrPixels } from "../codecs/patches.ts";
import { NO_AUGMENTATION } from "../data/augment/options.ts";
import type { UNet2DOptions } from "../models/unet_2d_config.ts";
import { UNet2DModel } from "../models/unet_2d_model.ts";
import type { DDPMSchedulerConfig } from "../schedulers/index.ts";
import { ADAMW_ONLY, NO_EVALUATION, PLAIN_DRAWS, type TrainSettings } from "./settings.ts";

/** The length of a run: in optimizer steps, or in epochs, passes over the images. */
export type RunLength = { readonly steps: number } | { readonly epochs: number };

/** A recipe: a model, a noise schedule, and the settings of its training. */
export interface Preset {
  /** One line for --help. */
  readonly summary: string;
  /** Side of the square images, pixels. */
  readonly size: number;
  /** Side of the patches that the model sees as one position; 1 for a model of pixels. */
  readonly patchSize: PatchSize | 1;
  /** The UNet, without its size and channels. */
  readonly model: UNet2DOptions;
  /** The noise schedule of DDPM and what the model predicts. */
  readonly scheduler: Partial<DDPMSchedulerConfig>;
  /** Whether the noise leans further towards noise for larger images: `shiftNoise` by their side over 32. */
  readonly shiftsNoise: boolean;
  /** How long it trains. */
  readonly length: RunLength;
  /** The settings that the preset decides; the others are the run's. */
  readonly settings: Omit<TrainSettings, "steps" | "seed" | "precision" | "microbatch" | "labelDropout">;
}

/** torch's defaults for AdamW. */
const ADAMW = { adamBeta1: 0.9, adamBeta2: 0.999, adamEpsilon: 1e-8, adamWeightDecay: 0.01, ...ADAMW_ONLY };
const SAMPLES = { sampleScheduler: null, sampleSteps: 50, sampleCount: 16, ...NO_EVALUATION };

/**
 * For a short training of a model that sees patches. It predicts the image and v is measured (Li & He 2025, arXiv
 * 2511.13720), under more noise than 32 px need.
 */
const OVER_PATCHES = {
  patchSize: 2,
  scheduler: {
    betaSchedule: "squaredcos_cap_v2",
    predictionType: "sample",
    rescaleBetasZeroSnr: true,
    timestepSpacing: "trailing",
  },
  shiftsNoise: true,
} satisfies Partial<Preset>;
/** The settings of such a training. */
const PATCH_SETTINGS = {
  // Small: in the same time many small steps of Muon lead further than few large ones.
  batchSize: 16,
  learningRate: 2e-3,
  lrSchedule: "cosine",
  warmupSteps: 100,
  ...ADAMW,
  adamBeta2: 0.99,
  optimizer: "muon",
  maxGradNorm: 1,
  minSnrGamma: null,
  lossType: "v_prediction",
  ...PLAIN_DRAWS,
  // Few steps near the image, where the loss of v weighs a hundred times as much.
  timestepSampling: "logit-normal",
  logitMean: -0.5,
  ...NO_AUGMENTATION,
  emaMaxDecay: 0.9999,
  flip: true,
  ...SAMPLES,
  // After a short training, fresh noise at each step corrects what the steps before it got wrong.
  sampleScheduler: "ddpm",
  keepCheckpoints: 2,
} satisfies Partial<Preset["settings"]>;

/** The names of the presets. */
export const PRESET_NAMES = [
  "quick",
  "gallery",
  "gallery256",
  "quick32",
  "butterflies32",
  "cifar10",
  "butterflies128",
] as const;
/** The name of a preset. @useDeclaredType */
export type PresetName = (typeof PRESET_NAMES)[number];

/** Whether a preset has this name. */
export const isPresetName = (name: string): name is PresetName =>
  PRESET_NAMES.some((known) => known === name);

/** The presets. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  quick: {
    summary:
      "8.5 M parameters over patches of 2, 64 px: patterned butterflies within ten minutes on two cores",
    ...OVER_PATCHES,
    size: 64,
    model: {
      layersPerBlock: 1,
      blockOutChannels: [64, 96, 128, 192],
      downBlockTypes: ["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
      upBlockTypes: ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
    },
    length: { steps: 900 },
    settings: { ...PATCH_SETTINGS, sampleEvery: 225, checkpointEvery: 225 },
  },
  gallery: {
    summary: "16 M parameters over patches of 2, 128 px: large butterflies within an hour on two cores",
    ...OVER_PATCHES,
    size: 128,
    model: {
      layersPerBlock: 1,
      blockOutChannels: [64, 96, 128, 192, 256],
      downBlockTypes: ["DownBlock2D", "DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
      upBlockTypes: ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D"],
    },
    length: { steps: 1700 },
    settings: { ...PATCH_SETTINGS, sampleEvery: 250, checkpointEvery: 250 },
  },
  gallery256: {
    summary:
      "16 M parameters over patches of 4, 256 px: butterflies to hang on a wall, within an hour on two cores",
    ...OVER_PATCHES,
    patchSize: 4,
    size: 256,
    model: {
      layersPerBlock: 1,
      blockOutChannels: [64, 96, 128, 192, 256],
      downBlockTypes: ["DownBlock2D", "DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
      upBlockTypes: ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D"],
    },
    length: { steps: 2000 },
    settings: { ...PATCH_SETTINGS, sampleEvery: 250, checkpointEvery: 250 },
  },
  quick32: {
    summary:
      "1.8 M parameters, 32 px: small butterflies within ten minutes on two cores, the least that works",
    size: 32,
    patchSize: 1,
    model: {
      layersPerBlock: 1,
      blockOutChannels: [32, 64, 96],
      downBlockTypes: ["DownBlock2D", "DownBlock2D", "AttnDownBlock2D"],
      upBlockTypes: ["AttnUpBlock2D", "UpBlock2D", "UpBlock2D"],
    },
    // Predicting v under a zero-terminal-SNR schedule gets the mean colour right from the first minutes
    // (Lin et al. 2023, "Common diffusion noise schedules and sample steps are flawed").
    scheduler: {
      betaSchedule: "squaredcos_cap_v2",
      predictionType: "v_prediction",
      rescaleBetasZeroSnr: true,
      timestepSpacing: "trailing",
    },
    shiftsNoise: false,
    length: { steps: 1500 },
    settings: {
      batchSize: 32,
      learningRate: 1e-3,
      lrSchedule: "cosine",
      warmupSteps: 20,
      ...ADAMW,
      maxGradNorm: 1,
      minSnrGamma: 20,
      lossType: null,
      ...PLAIN_DRAWS,
      ...NO_AUGMENTATION,
      emaMaxDecay: 0.9999,
      flip: true,
      sampleEvery: 200,
      ...SAMPLES,
      checkpointEvery: 200,
      keepCheckpoints: 2,
    },
  },
  butterflies32: {
    summary: "the Hugging Face diffusion course, unit 1: 18.5 M parameters, 32 px, 30 epochs",
    size: 32,
    patchSize: 1,
    model: {
      layersPerBlock: 2,
      blockOutChannels: [64, 128, 128, 256],
      downBlockTypes: ["DownBlock2D", "DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
      upBlockTypes: ["AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D"],
    },
    scheduler: { betaSchedule: "squaredcos_cap_v2", predictionType: "epsilon" },
    shiftsNoise: false,
    length: { epochs: 30 },
    settings: {
      batchSize: 64,
      learningRate: 4e-4,
      lrSchedule: "constant",
      warmupSteps: 0,
      ...ADAMW,
      maxGradNorm: null,
      minSnrGamma: null,
      lossType: null,
      ...PLAIN_DRAWS,
      ...NO_AUGMENTATION,
      emaMaxDecay: null,
      flip: true,
      sampleEvery: 80,
      ...SAMPLES,
      checkpointEvery: 80,
      keepCheckpoints: 2,
    },
  },
  cifar10: {
    summary: "the shape of google/ddpm-cifar10-32 (Ho et al. 2020): 35.7 M parameters, 32 px",
    size: 32,
    patchSize: 1,
    model: {
      layersPerBlock: 2,
      blockOutChannels: [128, 256, 256, 256],
      downBlockTypes: ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
      upBlockTypes: ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
      normEps: 1e-6,
      attentionHeadDim: null,
      downsamplePadding: 0,
      flipSinToCos: false,
      freqShift: 1,
    },
    scheduler: { betaSchedule: "linear", predictionType: "epsilon", varianceType: "fixed_large" },
    shiftsNoise: false,
    length: { steps: 800_000 },
    settings: {
      batchSize: 128,
      learningRate: 2e-4,
      lrSchedule: "constant",
      warmupSteps: 5000,
      ...ADAMW,
      adamWeightDecay: 0,
      maxGradNorm: 1,
      minSnrGamma: null,
      lossType: null,
      ...PLAIN_DRAWS,
      ...NO_AUGMENTATION,
      emaMaxDecay: 0.9999,
      flip: true,
      sampleEvery: 500,
      ...SAMPLES,
      checkpointEvery: 500,
      keepCheckpoints: 2,
    },
  },
  butterflies128: {
    summary: "the diffusers training tutorial: 113.7 M parameters, 128 px, 50 epochs",
    size: 128,
    patchSize: 1,
    model: {
      layersPerBlock: 2,
      blockOutChannels: [128, 128, 256, 256, 512, 512],
      downBlockTypes: [
        "DownBlock2D",
        "DownBlock2D",
        "DownBlock2D",
        "DownBlock2D",
        "AttnDownBlock2D",
        "DownBlock2D",
      ],
      upBlockTypes: ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"],
    },
    scheduler: { betaSchedule: "linear", predictionType: "epsilon" },
    shiftsNoise: false,
    length: { epochs: 50 },
    settings: {
      batchSize: 16,
      learningRate: 1e-4,
      lrSchedule: "cosine",
      warmupSteps: 500,
      ...ADAMW,
      maxGradNorm: 1,
      minSnrGamma: null,
      lossType: null,
      ...PLAIN_DRAWS,
      ...NO_AUGMENTATION,
      emaMaxDecay: null,
      flip: true,
      sampleEvery: 630,
      ...SAMPLES,
      checkpointEvery: 315,
      keepCheckpoints: 2,
    },
  },
};

/** The size of a preset's RGB images in its model's space. */
export const presetLatents = (preset: Pick<Preset, "size" | "patchSize">): ImageSize =>
  patchesOrPixels(preset.patchSize).latentSize({ height: preset.size, width: preset.size, channels: 3 });

/** A preset's model for RGB images of its size, without weights. */
export function presetModel(preset: Preset): UNet2DModel {
  const { height: sampleSize, channels } = presetLatents(preset);
  return new UNet2DModel({ ...preset.model, sampleSize, inChannels: channels, outChannels: channels });
}

/** Optimizer steps per epoch of `imageCount` images; the last batch of an epoch is completed from the next one. */
export const stepsPerEpoch = (imageCount: number, batchSize: number): number =>
  Math.ceil(imageCount / batchSize);

/** Optimizer steps of a whole run. */
export function runSteps(length: RunLength, imageCount: number, batchSize: number): number {
  return "steps" in length ? length.steps : length.epochs * stepsPerEpoch(imageCount, batchSize);
}
