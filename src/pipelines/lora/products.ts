// Weights with LoRAs in them, computed on a backend: weights + Σ strength · up · down.

import type { Backend, Executable } from "../../engine/backend.ts";
import { toElements, toFloats } from "../../engine/elements.ts";
import { type FloatType, isHalf } from "../../engine/graph.ts";
import { numel } from "../../engine/shape.ts";
import { input, type Tensor } from "../../engine/tensor.ts";
import type { WeightElements } from "../../io/state_dict.ts";
import type { Parameter } from "../../nn/parameter.ts";
import type { LoraLayer } from "./file.ts";

/** A layer of a LoRA that takes part, and how strongly. */
export interface LoraPart {
  readonly layer: LoraLayer;
  readonly weight: number;
}

/** The two matrices of all parts together, as torch has them: up is [out, r], down [r, in, ...]. */
interface Matrices {
  readonly rank: number;
  readonly up: Float32Array;
  readonly down: Float32Array;
}

/** Compiles one program for all layers of a shape. */
export class LoraProducts {
  readonly #backend: Backend;
  readonly #programs = new Map<string, Executable>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /**
   * The weights of a layer with LoRAs in them.
   * @param original the parameter's value without, as it stores it
   * @param parts one at least
   * @returns in the same layout; 16-bit weights rounded to 16 bits, where the backend has them
   * @throws MemoryError
   */
  async changed(
    parameter: Parameter,
    original: WeightElements,
    parts: readonly LoraPart[],
  ): Promise<WeightElements> {
    const { dtype } = parameter;
    const isKept = this.#backend.capabilities.dtypes.includes(dtype);
    const { data, type } =
      original instanceof Uint16Array && isKept
        ? { data: original, type: dtype }
        : { data: floatsOf(original, dtype), type: "f32" as const };
    const { rank, up, down } = joined(parts);
    const executable = await this.#program(parameter, rank, type);
    const [sum] = await executable.run([data, up, down]);
    if (!isHalf(dtype) || !isKept) return sum;
    const rounded = toElements(sum, dtype);
    return rounded instanceof Uint16Array ? rounded : sum;
  }

  /** Frees the programs. */
  dispose(): void {
    for (const executable of this.#programs.values()) executable.dispose();
  }

  async #program(parameter: Parameter, rank: number, type: FloatType): Promise<Executable> {
    const { layout, shape } = parameter;
    const key = `${layout} ${shape} ${rank} ${type}`;
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const weights = input(shape, type, "weights");
    const [outputs, ...rest] = parameter.torchShape;
    const up = input([outputs, rank], "f32", "up");
    const down = input([rank, ...rest], "f32", "down");
    const executable = await this.#backend.compile({
      name: `LoRA ${key}`,
      inputs: [weights, up, down],
      outputs: [weights.cast("f32").add(productOf(parameter, up, down))],
    });
    this.#programs.set(key, executable);
    return executable;
  }
}

/** In the engine's layout of the parameter. */
function productOf({ layout, shape }: Parameter, up: Tensor, down: Tensor): Tensor {
  const [rank] = down.shape;
  const inputs = numel(down.shape) / rank;
  if (layout === "plain") return up.matmul(down.reshape([rank, inputs])).reshape(shape);
  const columns = down.permute([2, 3, 1, 0]).reshape([inputs, rank]); // [h w in, r]
  return columns.matmul(up.permute([1, 0])).reshape(shape);
}

/** Several LoRAs of a layer are one of all their ranks. */
function joined(parts: readonly LoraPart[]): Matrices {
  const ranks = parts.map(({ layer }) => layer.up.shape[1]);
  const rank = ranks.reduce((sum, one) => sum + one, 0);
  const [{ layer: first }] = parts;
  const [outputs] = first.up.shape;
  const up = new Float32Array(outputs * rank);
  const down = new Float32Array(parts.reduce((sum, { layer }) => sum + layer.down.data.length, 0));
  let [before, filled] = [0, 0];
  for (const [k, { layer, weight }] of parts.entries()) {
    const strength = weight * layer.scale;
    for (let o = 0; o < outputs; o++) {
      for (let r = 0; r < ranks[k]; r++)
        up[o * rank + before + r] = strength * layer.up.data[o * ranks[k] + r];
    }
    down.set(layer.down.data, filled);
    before += ranks[k];
    filled += layer.down.data.length;
  }
  return { rank, up, down };
}

const floatsOf = (data: WeightElements, dtype: FloatType): Float32Array =>
  data instanceof Float32Array ? data : toFloats(data.buffer, data.byteOffset, data.length, dtype);
