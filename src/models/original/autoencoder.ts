// The names of AutoencoderKL's weights in files of the original layout (model.py of CompVis' latent-diffusion).

import type { AutoencoderKL } from "../autoencoder_kl.ts";
import { type OriginalForm, type OriginalPlaces, placesOf, renamed } from "./places.ts";

/** What they begin with. */
export const ORIGINAL_AUTOENCODER = "first_stage_model.";

const IN_ATTENTION: readonly (readonly [RegExp, string])[] = [
  [/^group_norm\./, "norm."],
  [/^to_q\./, "q."],
  [/^to_k\./, "k."],
  [/^to_v\./, "v."],
  [/^to_out\.0\./, "proj_out."],
];

/** The places of an autoencoder's weights, whose names begin with ORIGINAL_AUTOENCODER. */
export function originalAutoencoder(model: AutoencoderKL): OriginalPlaces {
  const last = model.config.blockOutChannels.length - 1;
  return placesOf(model, (name) => {
    const own = name
      .replace(/^(encoder|decoder)\.conv_norm_out\./, "$1.norm_out.")
      .replace(/^encoder\.down_blocks\.(\d+)\.resnets\.(\d+)\./, "encoder.down.$1.block.$2.")
      .replace(/^encoder\.down_blocks\.(\d+)\.downsamplers\.0\./, "encoder.down.$1.downsample.")
      // Levels are counted from the full size on there.
      .replace(/^decoder\.up_blocks\.(\d+)\.resnets\.(\d+)\./, (_, level, layer) => {
        return `decoder.up.${last - Number(level)}.block.${layer}.`;
      })
      .replace(/^decoder\.up_blocks\.(\d+)\.upsamplers\.0\./, (_, level) => {
        return `decoder.up.${last - Number(level)}.upsample.`;
      })
      .replace(/^(encoder|decoder)\.mid_block\.resnets\.(\d+)\./, (_, coder, layer) => {
        return `${coder}.mid.block_${Number(layer) + 1}.`;
      })
      .replace(/^(encoder|decoder)\.mid_block\.attentions\.0\.(.+)$/, (_, coder, within) => {
        return `${coder}.mid.attn_1.${renamed(within, IN_ATTENTION)}`;
      })
      .replace(".conv_shortcut.", ".nin_shortcut.");
    const form: OriginalForm = /\.attn_1\.(?:q|k|v|proj_out)\.weight$/.test(own) ? "pixel" : "same";
    return { name: `${ORIGINAL_AUTOENCODER}${own}`, form };
  });
}
