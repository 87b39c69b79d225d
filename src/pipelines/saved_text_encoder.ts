// A text encoder and its tokenizer as components of a pipeline's folder.

import { paths } from "#platform";
import { MODEL_CONFIG, type SavedComponent } from "../io/diffusers_folder.ts";
import { writePythonJson } from "../io/diffusers_json.ts";
import { type WriteStateDictOptions, writeStateDict } from "../io/state_dict.ts";
import type { CLIPTextModel } from "../models/clip_text_model.ts";
import type { CLIPTokenizer } from "../models/clip_tokenizer.ts";

const { join } = paths;

/** The components of a text encoder. @param name text_encoder or text_encoder_2 */
export function savedTextEncoder(
  name: string,
  model: CLIPTextModel,
  tokenizer: CLIPTokenizer,
): SavedComponent[] {
  return [
    {
      ...{ name, library: "transformers", className: model.className },
      save: (folder, written) => saveTextEncoder(folder, model, written),
    },
    {
      ...{
        name: name.replace("text_encoder", "tokenizer"),
        library: "transformers",
        className: "CLIPTokenizer",
      },
      save: (folder) => tokenizer.save(folder),
    },
  ];
}

/** What transformers calls the types of weights. */
const TORCH_DTYPES = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

async function saveTextEncoder(
  folder: string,
  model: CLIPTextModel,
  written: WriteStateDictOptions = {},
): Promise<void> {
  const config = { ...model.toConfig(), dtype: TORCH_DTYPES[written.dtype ?? "F32"] };
  await writePythonJson(join(folder, MODEL_CONFIG), config, model.floatKeys);
  await writeStateDict(folder, model.weightSources(), { ...written, library: "transformers" });
}
