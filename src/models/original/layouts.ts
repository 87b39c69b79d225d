// The layouts of single files of Stable Diffusion: how a file is told by its tensors, and the configs of the models in it.

import { ORIGINAL_AUTOENCODER } from "./autoencoder.ts";
import type { OriginalTextLayout } from "./text_model.ts";
import { ORIGINAL_UNET } from "./unet.ts";

/** Versions of Stable Diffusion whose files differ in their names. */
export type OriginalVersion = "v1" | "v2" | "xl" | "xl-refiner";

/** The contents of a config.json or scheduler_config.json. */
export type OriginalConfig = Readonly<Record<string, unknown>>;

/** A text encoder in a file. */
export interface OriginalTextEncoder {
  /** Its component in a pipeline of diffusers. */
  readonly component: "text_encoder" | "text_encoder_2";
  readonly className: "CLIPTextModel" | "CLIPTextModelWithProjection";
  readonly layout: OriginalTextLayout;
  /** What the names of its weights begin with. */
  readonly prefix: string;
  /** Its config as transformers has it. */
  readonly config: OriginalConfig;
}

/** What is in the files of a version. */
export interface OriginalLayout {
  /** In words. */
  readonly title: string;
  readonly unet: OriginalConfig;
  readonly vae: OriginalConfig;
  readonly textEncoders: readonly OriginalTextEncoder[];
  readonly scheduler: OriginalConfig;
  /** What its model_index.json says besides the components. */
  readonly settings: OriginalConfig;
}

const VAE: OriginalConfig = {
  block_out_channels: [128, 256, 512, 512],
  down_block_types: new Array(4).fill("DownEncoderBlock2D"),
  up_block_types: new Array(4).fill("UpDecoderBlock2D"),
  layers_per_block: 2,
  sample_size: 512,
  scaling_factor: 0.18215,
};
const CLIP_L: OriginalConfig = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_attention_heads: 12,
  projection_dim: 768,
};
const CLIP_H: OriginalConfig = {
  hidden_size: 1024,
  intermediate_size: 4096,
  num_attention_heads: 16,
  // One less than the file has: the UNet sees what the layer before the last gives.
  num_hidden_layers: 23,
  hidden_act: "gelu",
};
const CLIP_G: OriginalConfig = {
  hidden_size: 1280,
  intermediate_size: 5120,
  num_attention_heads: 20,
  num_hidden_layers: 32,
  hidden_act: "gelu",
  projection_dim: 1280,
};
const XL_UNET: OriginalConfig = {
  sample_size: 128,
  use_linear_projection: true,
  addition_embed_type: "text_time",
  addition_time_embed_dim: 256,
};
const CROSS_DOWN = "CrossAttnDownBlock2D";
const CROSS_UP = "CrossAttnUpBlock2D";
const BETAS: OriginalConfig = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  steps_offset: 1,
};
const EULER: OriginalConfig = {
  _class_name: "EulerDiscreteScheduler",
  ...BETAS,
  timestep_spacing: "leading",
};

/** The configs are those of the published models. */
export const ORIGINAL_LAYOUTS: Readonly<Record<OriginalVersion, OriginalLayout>> = {
  v1: {
    title: "Stable Diffusion 1",
    unet: { sample_size: 64, cross_attention_dim: 768 },
    vae: VAE,
    textEncoders: [
      {
        component: "text_encoder",
        className: "CLIPTextModel",
        layout: "clip",
        prefix: "cond_stage_model.transformer.",
        config: CLIP_L,
      },
    ],
    scheduler: { _class_name: "PNDMScheduler", ...BETAS, skip_prk_steps: true, set_alpha_to_one: false },
    settings: {},
  },
  v2: {
    title: "Stable Diffusion 2",
    unet: {
      sample_size: 96,
      cross_attention_dim: 1024,
      attention_head_dim: [5, 10, 20, 20],
      use_linear_projection: true,
      upcast_attention: true,
    },
    vae: { ...VAE, sample_size: 768 },
    textEncoders: [
      {
        component: "text_encoder",
        className: "CLIPTextModel",
        layout: "openclip",
        prefix: "cond_stage_model.model.",
        config: CLIP_H,
      },
    ],
    scheduler: {
      _class_name: "DDIMScheduler",
      ...BETAS,
      clip_sample: false,
      set_alpha_to_one: false,
      prediction_type: "v_prediction",
    },
    settings: {},
  },
  xl: {
    title: "Stable Diffusion XL",
    unet: {
      ...XL_UNET,
      block_out_channels: [320, 640, 1280],
      down_block_types: ["DownBlock2D", CROSS_DOWN, CROSS_DOWN],
      up_block_types: [CROSS_UP, CROSS_UP, "UpBlock2D"],
      attention_head_dim: [5, 10, 20],
      cross_attention_dim: 2048,
      transformer_layers_per_block: [1, 2, 10],
      projection_class_embeddings_input_dim: 2816,
    },
    vae: { ...VAE, sample_size: 1024, scaling_factor: 0.13025 },
    textEncoders: [
      {
        component: "text_encoder",
        className: "CLIPTextModel",
        layout: "clip",
        prefix: "conditioner.embedders.0.transformer.",
        config: CLIP_L,
      },
      {
        component: "text_encoder_2",
        className: "CLIPTextModelWithProjection",
        layout: "openclip",
        prefix: "conditioner.embedders.1.model.",
        config: CLIP_G,
      },
    ],
    scheduler: EULER,
    settings: { force_zeros_for_empty_prompt: true },
  },
  "xl-refiner": {
    title: "the refiner of Stable Diffusion XL",
    unet: {
      ...XL_UNET,
      block_out_channels: [384, 768, 1536, 1536],
      down_block_types: ["DownBlock2D", CROSS_DOWN, CROSS_DOWN, "DownBlock2D"],
      up_block_types: ["UpBlock2D", CROSS_UP, CROSS_UP, "UpBlock2D"],
      attention_head_dim: [6, 12, 24, 24],
      cross_attention_dim: 1280,
      transformer_layers_per_block: 4,
      projection_class_embeddings_input_dim: 2560,
    },
    vae: { ...VAE, sample_size: 1024, scaling_factor: 0.13025 },
    textEncoders: [
      {
        component: "text_encoder_2",
        className: "CLIPTextModelWithProjection",
        layout: "openclip",
        prefix: "conditioner.embedders.0.model.",
        config: CLIP_G,
      },
    ],
    scheduler: EULER,
    settings: { force_zeros_for_empty_prompt: false, requires_aesthetics_score: true },
  },
};

/** In this order, because the files of XL begin as those of its refiner do. */
const BY_TEXT_ENCODER: readonly (readonly [prefix: string, version: OriginalVersion])[] = [
  ["conditioner.embedders.1.model.", "xl"],
  ["conditioner.embedders.0.model.", "xl-refiner"],
  ["cond_stage_model.model.", "v2"],
  ["cond_stage_model.transformer.", "v1"],
];

/**
 * The version of a file.
 * @returns a text that says what the file lacks or is, where it is none that is known
 */
export function originalVersion(
  names: readonly string[],
): { readonly version: OriginalVersion } | { readonly problem: string } {
  const has = (prefix: string) => names.some((name) => name.startsWith(prefix));
  const version = BY_TEXT_ENCODER.find(([prefix]) => has(prefix))?.[1];
  const lacks = [
    ...(has(ORIGINAL_UNET) ? [] : ["a UNet (model.diffusion_model.*)"]),
    ...(has(ORIGINAL_AUTOENCODER) ? [] : ["an autoencoder (first_stage_model.*)"]),
    ...(version === undefined ? ["a text encoder (cond_stage_model.* or conditioner.*)"] : []),
  ];
  if (version !== undefined && lacks.length === 0) return { version };
  if (names.some((name) => /lora[._](?:down|up|A|B)\b/.test(name))) {
    return {
      problem:
        "this is a LoRA, where a file of a whole model was expected; load it with loadLoraWeights, or --lora",
    };
  }
  if (lacks.length < 3)
    return { problem: `the file is without ${lacks.join(" and ")}, where a whole model was expected` };
  return {
    problem:
      "this is no file of a whole Stable Diffusion in the original layout; of diffusers' files, give the pipeline's folder to fromPretrained",
  };
}
