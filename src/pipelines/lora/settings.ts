// How strong the layers of a LoRA are, as PEFT's settings say: in the header of diffusers' files, or in a file beside.

import * as v from "valibot";
import { paths } from "#platform";
import { parsePythonJson, readJson } from "../../io/diffusers_json.ts";
import { plain } from "../../io/plain.ts";
import type { SafetensorsFile } from "../../io/safetensors.ts";
import { FileError } from "../../platform/errors.ts";
import type { LoraComponent } from "./names.ts";

/** The settings of a LoRA. */
export interface LoraSettings {
  /** alpha / r of a layer; undefined where they do not say. */
  scaleOf(component: LoraComponent, layer: string, rank: number): number | undefined;
}

/** The key of the settings in the header, where each name begins with its component's. */
const IN_HEADER = "lora_adapter_metadata";
/** The settings of PEFT's own files, beside them. */
export const LORA_SETTINGS = "adapter_config.json";
/** What the names in PEFT's own files begin with. */
const PEFT_PREFIX = "base_model.model.";

const finite = v.pipe(v.number(), v.finite());
const schema = v.looseObject({
  lora_alpha: finite,
  use_rslora: v.optional(v.boolean(), false),
  use_dora: v.optional(v.literal(false, "DoRA is not read"), false),
  alpha_pattern: v.optional(v.nullable(v.record(v.string(), finite)), null),
});

/**
 * Reads the settings of an open file.
 * @param path the file's
 * @throws FileError, in one line, for settings that are damaged, missing or of a kind that is not read
 */
export async function readLoraSettings(file: SafetensorsFile, path: string): Promise<LoraSettings> {
  const text = file.metadata[IN_HEADER];
  if (text !== undefined) return ofComponents(parsePythonJson(text, path), path);
  if (!file.names.some((name) => name.startsWith(PEFT_PREFIX))) return { scaleOf: () => undefined };
  const beside = paths.join(paths.dirname(path), LORA_SETTINGS);
  const scale = scaleBy(await readJson(beside), beside);
  return { scaleOf: (_, layer, rank) => scale(layer, rank) };
}

function ofComponents(json: unknown, path: string): LoraSettings {
  const byComponent = new Map<string, Record<string, unknown>>();
  for (const [key, value] of Object.entries(typeof json === "object" && json !== null ? json : {})) {
    const [, component = "", setting = ""] = /^(unet|text_encoder|text_encoder_2)\.(\w+)$/.exec(key) ?? [];
    if (component === "") continue;
    byComponent.set(component, { ...byComponent.get(component), [setting]: value });
  }
  const scales = new Map(
    [...byComponent].map(([component, given]) => [
      component,
      scaleBy(given, path, `${IN_HEADER} of ${component}: `),
    ]),
  );
  return { scaleOf: (component, layer, rank) => scales.get(component)?.(layer, rank) };
}

function scaleBy(given: unknown, path: string, where = ""): (layer: string, rank: number) => number {
  const result = v.safeParse(schema, given, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    throw new FileError(path, `${where}${v.getDotPath(issue) ?? "settings"}: ${plain(issue.message)}`);
  }
  const { lora_alpha: usual, use_rslora: isRoot, alpha_pattern: pattern } = result.output;
  const own = Object.entries(pattern ?? {});
  return (layer, rank) => {
    const found = own.find(([key]) => layer === key || layer.endsWith(`.${key}`));
    return (found?.[1] ?? usual) / (isRoot ? Math.sqrt(rank) : rank);
  };
}
