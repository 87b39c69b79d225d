// The conditions of a UNet2DConditionModel, by its config: which there are, their shapes, and whether those given fit.

import { ShapeError, sameShape, showShape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";
import {
  type ConditionInput,
  type ConditionSizes,
  type Conditions,
  type Denoiser,
  type DenoiserInputs,
  mapConditions,
} from "./denoiser.ts";
import {
  atLevel,
  UNET_2D_CONDITION_CLASS,
  type UNet2DConditionConfig,
  unet2DConditionConfigs,
} from "./unet_2d_condition_config.ts";

/** Tokens of CLIP's prompts. */
const TOKENS = 77;
/** Original height and width, top and left of the crop, height and width. */
const TIME_IDS = 6;

/** The conditions for n images. @throws ModelConfigError when no width is left for `textEmbeds` */
export function conditionInputs(
  config: UNet2DConditionConfig,
  timeEmbedDim: number,
  n: number,
  { tokens = TOKENS, timeIds = TIME_IDS }: ConditionSizes,
): Conditions<ConditionInput> {
  const { crossAttentionDim, additionEmbedType, timeCondProjDim } = config;
  const vectors = (...shape: number[]): ConditionInput => ({ shape: [n, ...shape], dtype: "f32" });
  const classLabels = classInput(config, timeEmbedDim, n);
  return {
    ...(classLabels && { classLabels }),
    encoderHiddenStates: vectors(tokens, atLevel(crossAttentionDim, 0)),
    ...(additionEmbedType !== null && {
      textEmbeds: vectors(textWidth(config, timeIds)),
      timeIds: vectors(timeIds),
    }),
    ...(timeCondProjDim !== null && { timestepCond: vectors(timeCondProjDim) }),
  };
}

/**
 * Checks all inputs of a forward pass.
 * @returns the tokens that the transformers see
 * @throws ShapeError when a shape does not fit
 */
export function checkInputs(
  model: Denoiser & { readonly config: UNet2DConditionConfig },
  sample: Tensor,
  timestep: Tensor,
  inputs: DenoiserInputs,
): Tensor {
  const [n, h, w, c] = sample.shape;
  const { inChannels, sizeFactor } = model;
  if (sample.shape.length !== 4 || c !== inChannels) {
    throw problem(`wants a sample [N, H, W, ${inChannels}], got ${showShape(sample.shape)}`);
  }
  if (h % sizeFactor !== 0 || w % sizeFactor !== 0) {
    throw problem(`latents of ${h}x${w} do not fit; height and width must be multiples of ${sizeFactor}`);
  }
  if (!sameShape(timestep.shape, [n])) {
    throw problem(`wants one timestep for each of ${n} images, got ${showShape(timestep.shape)}`);
  }
  const { encoderHiddenStates, timeIds, addedEmbedding } = inputs;
  const wantedEmbedding = [n, model.timeEmbedDim ?? 0];
  if (addedEmbedding !== undefined && !sameShape(addedEmbedding.shape, wantedEmbedding)) {
    throw problem(
      `wants addedEmbedding ${showShape(wantedEmbedding)}, got ${showShape(addedEmbedding.shape)}`,
    );
  }
  const wanted = model.conditionsFor(n, {
    ...(encoderHiddenStates?.shape.length === 3 && { tokens: encoderHiddenStates.shape[1] }),
    ...(timeIds?.shape.length === 2 && { timeIds: timeIds.shape[1] }),
  });
  mapConditions(wanted, ({ shape }, name) => {
    const given = inputs[name];
    if (given !== undefined && sameShape(given.shape, shape)) return;
    const shown = given === undefined ? "none" : showShape(given.shape);
    throw problem(`wants ${name} ${showShape(shape)}, got ${shown}`);
  });
  mapConditions<Tensor, void>(inputs, (_, name) => {
    if (wanted[name] === undefined) throw problem(`its config has no place for ${name}; leave it out`);
  });
  if (encoderHiddenStates === undefined) throw problem("wants encoderHiddenStates, got none");
  return encoderHiddenStates;
}

function classInput(
  { classEmbedType, numClassEmbeds, projectionClassEmbeddingsInputDim }: UNet2DConditionConfig,
  timeEmbedDim: number,
  n: number,
): ConditionInput | null {
  switch (classEmbedType) {
    case null:
      return numClassEmbeds === null ? null : { shape: [n], dtype: "i32" };
    case "timestep":
      return { shape: [n], dtype: "i32" };
    case "identity":
      return { shape: [n, timeEmbedDim], dtype: "f32" };
    case "projection":
      return { shape: [n, projectionClassEmbeddingsInputDim ?? 0], dtype: "f32" };
    default:
      return classEmbedType satisfies never;
  }
}

/** What the features of sizes leave of the projection's width. */
function textWidth(config: UNet2DConditionConfig, timeIds: number): number {
  const all = config.projectionClassEmbeddingsInputDim ?? 0;
  const sizes = timeIds * (config.additionTimeEmbedDim ?? 0);
  if (all > sizes) return all - sizes;
  throw unet2DConditionConfigs.error(
    `${timeIds} time_ids of addition_time_embed_dim ${config.additionTimeEmbedDim} leave nothing of projection_class_embeddings_input_dim ${all} for text_embeds`,
  );
}

const problem = (text: string): ShapeError => new ShapeError(`${UNET_2D_CONDITION_CLASS}: ${text}`);
