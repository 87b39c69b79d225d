// The names of a UNet's weights in files of the original layout (openaimodel.py of CompVis' latent-diffusion).

import { atLevel } from "../unet_2d_condition_config.ts";
import type { UNet2DConditionModel } from "../unet_2d_condition_model.ts";
import { type OriginalPlaces, placesOf, renamed } from "./places.ts";

/** What they begin with. */
export const ORIGINAL_UNET = "model.diffusion_model.";

/** Those outside of the levels. */
const AROUND: readonly (readonly [RegExp, string])[] = [
  [/^time_embedding\.linear_1\./, "time_embed.0."],
  [/^time_embedding\.linear_2\./, "time_embed.2."],
  [/^(?:add|class)_embedding\.linear_1\./, "label_emb.0.0."],
  [/^(?:add|class)_embedding\.linear_2\./, "label_emb.0.2."],
  [/^class_embedding\.weight$/, "label_emb.weight"],
  [/^conv_in\./, "input_blocks.0.0."],
  [/^conv_norm_out\./, "out.0."],
  [/^conv_out\./, "out.2."],
  [/^mid_block\.resnets\.0\./, "middle_block.0."],
  [/^mid_block\.attentions\.0\./, "middle_block.1."],
  [/^mid_block\.resnets\.1\./, "middle_block.2."],
];
/** Those within a resnet. */
const IN_RESNET: readonly (readonly [RegExp, string])[] = [
  [/^norm1\./, "in_layers.0."],
  [/^conv1\./, "in_layers.2."],
  [/^time_emb_proj\./, "emb_layers.1."],
  [/^norm2\./, "out_layers.0."],
  [/^conv2\./, "out_layers.3."],
  [/^conv_shortcut\./, "skip_connection."],
];
const IN_LEVEL = /^(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)$/;
const RESNET =
  /^((?:input_blocks\.\d+|output_blocks\.\d+|middle_block)\.\d+)\.((?:norm1|conv1|time_emb_proj|norm2|conv2|conv_shortcut)\..+)$/;

/** Why a UNet has no place in files of the original layout; undefined where it has. */
export function originalUNetProblem({ config }: UNet2DConditionModel): string | undefined {
  if (config.timeCondProjDim !== null) {
    return "a UNet without time_cond_proj_dim was expected: original files have no name for it";
  }
  if (typeof config.layersPerBlock !== "number") {
    return "a UNet with one layers_per_block for all levels was expected, as original files have";
  }
  return undefined;
}

/**
 * The places of a UNet's weights, whose names begin with ORIGINAL_UNET.
 * @throws RangeError for an embedded guidance scale and levels of different depth, which the original layout lacks
 */
export function originalUNet(model: UNet2DConditionModel): OriginalPlaces {
  const problem = originalUNetProblem(model);
  if (problem !== undefined) throw new RangeError(problem);
  const { layersPerBlock, upBlockTypes } = model.config;
  const depth = atLevel(layersPerBlock, 0);
  const places = (name: string) => {
    const flat = renamed(name, AROUND);
    const block = flat.replace(IN_LEVEL, (_, way, level, kind, layer, rest) =>
      inLevel(
        { isDown: way === "down", level: Number(level), kind, layer: Number(layer), rest },
        depth,
        upBlockTypes,
      ),
    );
    const own = block.replace(RESNET, (_, place, within) => `${place}.${renamed(within, IN_RESNET)}`);
    return { name: `${ORIGINAL_UNET}${own}`, form: "same" as const };
  };
  return placesOf(model, places);
}

/** A weight of a level, by the parts of its name in diffusers. */
interface InLevel {
  readonly isDown: boolean;
  readonly level: number;
  readonly kind: string;
  readonly layer: number;
  readonly rest: string;
}

/** Blocks are counted through all levels there, and what changes the size ends a level. */
function inLevel(
  { isDown, level, kind, layer, rest }: InLevel,
  depth: number,
  upBlockTypes: readonly string[],
): string {
  const first = level * (depth + 1);
  if (kind === "downsamplers") {
    return `input_blocks.${1 + first + depth}.0.${rest.replace(/^conv\./, "op.")}`;
  }
  if (kind === "upsamplers") {
    const before = upBlockTypes[level].startsWith("CrossAttn") ? 2 : 1;
    return `output_blocks.${first + depth}.${before}.${rest}`;
  }
  const place = kind === "resnets" ? 0 : 1;
  return `${isDown ? `input_blocks.${1 + first + layer}` : `output_blocks.${first + layer}`}.${place}.${rest}`;
}
