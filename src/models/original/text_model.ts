// The names of a text encoder's weights in files of the original layout: those of transformers behind a prefix, or those
// of OpenCLIP (model.py of mlfoundations' open_clip), whose queries, keys and values are one tensor.

import type { CLIPTextModel } from "../clip_text_model.ts";
import { type OriginalForm, type OriginalPlace, type OriginalPlaces, placesOf } from "./places.ts";

/** Whose names a text encoder's weights have. */
export type OriginalTextLayout = "clip" | "openclip";

const FORMS: Readonly<Record<string, OriginalForm>> = { q: "query", k: "key", v: "value" };

/** What some files leave out of transformers' names. */
const TEXT_MODEL = "text_model.";

/** Whether the names of a file with transformers' names leave that out. */
export const isBareTextModel = (names: readonly string[], prefix: string): boolean =>
  names.includes(`${prefix}embeddings.token_embedding.weight`);

/**
 * The places of a text encoder's weights.
 * @param prefix what their names begin with
 * @param isBare whether transformers' names are without "text_model."
 */
export function originalTextModel(
  model: CLIPTextModel,
  layout: OriginalTextLayout,
  prefix: string,
  isBare = false,
): OriginalPlaces {
  const clip = (name: string): OriginalPlace => ({
    name: isBare && name.startsWith(TEXT_MODEL) ? name.slice(TEXT_MODEL.length) : name,
    form: "same",
  });
  const placeOf = layout === "clip" ? clip : openClip;
  return placesOf(model, (name) => {
    const place = placeOf(name);
    return { ...place, name: `${prefix}${place.name}` };
  });
}

function openClip(name: string): OriginalPlace {
  if (name === "text_projection.weight") return { name: "text_projection", form: "transposed" };
  const joined = /^text_model\.encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)$/.exec(name);
  if (joined !== null) {
    const [, layer = "", letter = "", kind = ""] = joined;
    return { name: `transformer.resblocks.${layer}.attn.in_proj_${kind}`, form: FORMS[letter] };
  }
  const own = name
    .replace(/^text_model\.embeddings\.position_embedding\.weight$/, "positional_embedding")
    .replace(/^text_model\.embeddings\.token_embedding\./, "token_embedding.")
    .replace(/^text_model\.final_layer_norm\./, "ln_final.")
    .replace(/^text_model\.encoder\.layers\.(\d+)\./, "transformer.resblocks.$1.")
    .replace(".layer_norm1.", ".ln_1.")
    .replace(".layer_norm2.", ".ln_2.")
    .replace(".mlp.fc1.", ".mlp.c_fc.")
    .replace(".mlp.fc2.", ".mlp.c_proj.")
    .replace(".self_attn.out_proj.", ".attn.out_proj.");
  return { name: own, form: "same" };
}
