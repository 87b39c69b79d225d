// From a layer of a LoRA to the parameter that it changes, and the change itself.

import { showShape } from "../../engine/shape.ts";
import { quoted } from "../../io/printable.ts";
import { ORIGINAL_UNET, originalUNet, originalUNetProblem } from "../../models/original/unet.ts";
import { UNet2DConditionModel } from "../../models/unet_2d_condition_model.ts";
import type { Module } from "../../nn/module.ts";
import type { Parameter } from "../../nn/parameter.ts";
import { PipelineError } from "../errors.ts";
import type { LoraLayer } from "./file.ts";

const WEIGHT = ".weight";
const TEXT_MODEL = "text_model.";

/** The layers of a model by the names that LoRAs have for them. */
export class LayerNames {
  readonly #layers = new Map<string, Parameter>();
  readonly #flat = new Map<string, Parameter>();

  constructor(model: Module) {
    const parameters = model.namedParameters();
    const original = model instanceof UNet2DConditionModel ? originalNames(model) : new Map<string, string>();
    for (const [name, parameter] of parameters) {
      if (!name.endsWith(WEIGHT) || parameter.torchShape.length < 2) continue;
      const layer = name.slice(0, -WEIGHT.length);
      this.#layers.set(layer, parameter);
      // LoRAs of transformers 5 leave it out.
      if (layer.startsWith(TEXT_MODEL)) this.#layers.set(layer.slice(TEXT_MODEL.length), parameter);
      for (const spelled of [layer, original.get(layer)]) {
        if (spelled !== undefined) this.#flat.set(spelled.replaceAll(".", "_"), parameter);
      }
    }
  }

  /** The weights that a layer of a LoRA changes; undefined if the model has no such layer. */
  parameterOf({ layer, isFlat }: Pick<LoraLayer, "layer" | "isFlat">): Parameter | undefined {
    return (isFlat ? this.#flat : this.#layers).get(layer);
  }
}

/** Name of a layer in diffusers -> its name in the original layout, in which LoRAs of XL have theirs. */
function originalNames(model: UNet2DConditionModel): Map<string, string> {
  if (originalUNetProblem(model) !== undefined) return new Map();
  return new Map(
    [...originalUNet(model)].map(([name, place]) => [
      name.replace(/\.weight$/, ""),
      place.name.slice(ORIGINAL_UNET.length).replace(/\.weight$/, ""),
    ]),
  );
}

/** @throws PipelineError for matrices whose product is not of the parameter's shape */
export function checkFit({ torchShape }: Parameter, { down, up, layer }: LoraLayer, source: string): void {
  const product = [up.shape[0], ...down.shape.slice(1)];
  if (sameLayer(product, torchShape)) return;
  throw new PipelineError(
    `${source}: the LoRA's layer ${quoted(layer)} is of weights ${showShape(product)}, where the model's are ${showShape(torchShape)}; it is of another version of Stable Diffusion`,
  );
}

/** Whether shapes are the same; a 1 x 1 convolution is a linear layer too. */
function sameLayer(a: readonly number[], b: readonly number[]): boolean {
  const flat = (shape: readonly number[]) =>
    shape.length === 4 && shape[2] === 1 && shape[3] === 1 ? shape.slice(0, 2) : shape;
  return String(flat(a)) === String(flat(b));
}
