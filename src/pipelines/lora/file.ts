// Reads a LoRA's file (Hu et al. 2021, arXiv 2106.09685): for each layer two matrices whose product is added to its weights.

import { files, paths } from "#platform";
import { quoted } from "../../io/printable.ts";
import { openSafetensors, type SafetensorsFile } from "../../io/safetensors.ts";
import type { HostWeight } from "../../io/state_dict.ts";
import { FileError } from "../../platform/errors.ts";
import { type LoraComponent, type LoraName, type LoraRole, parseLoraName } from "./names.ts";
import { type LoraSettings, readLoraSettings } from "./settings.ts";

/** What is added to the weights of one layer: scale · up · down. */
export interface LoraLayer {
  readonly component: LoraComponent;
  /** Its name, as the file has it: see LoraName. */
  readonly layer: string;
  readonly isFlat: boolean;
  /** [r, in], or [r, in, height, width] of a convolution. */
  readonly down: HostWeight;
  /** [out, r], or [out, r, 1, 1]. */
  readonly up: HostWeight;
  /** alpha / r. */
  readonly scale: number;
}

/** The file's names in a folder, as diffusers and PEFT write it. */
export const LORA_FILES: readonly string[] = [
  "pytorch_lora_weights.safetensors",
  "adapter_model.safetensors",
];
const MOST_RANK = 2 ** 12;

/**
 * Reads the layers of a LoRA.
 * @param path of a .safetensors file, or of a folder with one of diffusers' name
 * @throws FileError, in one line, for what is no LoRA, or a kind of one that is not read
 */
export async function readLora(path: string): Promise<LoraLayer[]> {
  const at = await fileAt(path);
  const file = await openSafetensors(at);
  try {
    const settings = await readLoraSettings(file, at);
    const layers: LoraLayer[] = [];
    for (const group of grouped(file, at)) layers.push(await layerOf(file, group, settings, at));
    if (layers.length === 0) throw new FileError(at, "there are no layers of a LoRA in this file");
    return layers;
  } finally {
    await file.close();
  }
}

/** The file that a path refers to. */
async function fileAt(path: string): Promise<string> {
  if (!(await files.exists(path)) || !(await files.stat(path)).isFolder) return path;
  const entries = await files.list(path);
  return paths.join(path, LORA_FILES.find((name) => entries.includes(name)) ?? LORA_FILES[0]);
}

/** The tensors of one layer. */
type Group = Omit<LoraName, "role"> & { readonly tensors: ReadonlyMap<LoraRole, string> };

function grouped(file: SafetensorsFile, path: string): Iterable<Group> {
  const groups = new Map<string, Group & { readonly tensors: Map<LoraRole, string> }>();
  for (const name of file.names) {
    const parsed = parseLoraName(name);
    if ("other" in parsed) {
      throw new FileError(
        path,
        `the tensor ${quoted(name)} is of ${parsed.other === null ? "no LoRA" : `a ${parsed.other}, which is not read`}; expected pairs of lora_A and lora_B, or of lora_down and lora_up`,
      );
    }
    const { role, ...layer } = parsed;
    const key = `${layer.component} ${layer.isFlat} ${layer.layer}`;
    const group = groups.get(key) ?? { ...layer, tensors: new Map() };
    if (group.tensors.has(role))
      throw new FileError(path, `the tensor ${quoted(name)} gives ${role} a second time`);
    group.tensors.set(role, name);
    groups.set(key, group);
  }
  return groups.values();
}

async function layerOf(
  file: SafetensorsFile,
  { tensors, ...layer }: Group,
  settings: LoraSettings,
  path: string,
): Promise<LoraLayer> {
  const weight = async (role: "down" | "up"): Promise<HostWeight> => {
    const name = tensors.get(role);
    if (name === undefined)
      throw new FileError(path, `the layer ${quoted(layer.layer)} is without its ${role} matrix`);
    return { data: await file.readFloat32(name), shape: file.info(name).shape };
  };
  const [down, up] = [await weight("down"), await weight("up")];
  const [rank = 0] = down.shape;
  const [, ofUp = 0, height = 1, width = 1] = up.shape;
  const fits = down.shape.length >= 2 && up.shape.length >= 2 && rank === ofUp && height === 1 && width === 1;
  if (!fits || rank < 1 || rank > MOST_RANK) {
    throw new FileError(
      path,
      `the layer ${quoted(layer.layer)} has matrices of [${down.shape}] and [${up.shape}], where [r, in] and [out, r] with r from 1 to ${MOST_RANK} were expected`,
    );
  }
  const alphaName = tensors.get("alpha");
  const said = settings.scaleOf(layer.component, layer.layer, rank);
  if (said !== undefined) return { ...layer, down, up, scale: said };
  return {
    ...layer,
    down,
    up,
    scale: alphaName === undefined ? 1 : (await alphaOf(file, alphaName, path)) / rank,
  };
}

async function alphaOf(file: SafetensorsFile, name: string, path: string): Promise<number> {
  const { shape } = file.info(name);
  if (shape.reduce((product, size) => product * size, 1) === 1) {
    const [alpha] = await file.readFloat32(name);
    return alpha;
  }
  throw new FileError(path, `the tensor ${quoted(name)} is [${shape}], where one number was expected`);
}
