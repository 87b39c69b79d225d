// Tensors made by running diffusers, read from a safetensors file.

import type { StoredTensor } from "../../src/io/safetensors.ts";
import type { StateDict } from "../../src/io/state_dict.ts";
import { nchwToNhwc } from "./nchw.ts";

export class GoldenTensors {
  readonly #tensors: Map<string, StoredTensor>;

  constructor(tensors: Map<string, StoredTensor>) {
    this.#tensors = tensors;
  }

  names(): string[] {
    return [...this.#tensors.keys()];
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  shape(name: string): readonly number[] {
    return this.#get(name).shape;
  }

  floats(name: string): Float32Array {
    const { data } = this.#get(name);
    if (!(data instanceof Float32Array)) throw new Error(`${name} is no float32 tensor`);
    return data;
  }

  integers(name: string): Int32Array {
    const { data } = this.#get(name);
    if (!(data instanceof BigInt64Array)) throw new Error(`${name} is no int64 tensor`);
    return Int32Array.from(data, Number);
  }

  /** An image batch, [N, C, H, W] in the file, as [N, H, W, C]. */
  image(name: string): { readonly data: Float32Array; readonly shape: readonly number[] } {
    const [n, c, h, w] = this.shape(name);
    return { data: nchwToNhwc(this.floats(name), [n, c, h, w]), shape: [n, h, w, c] };
  }

  /** Any tensor as the engine has it: images, with four axes, channels last; integers in 32 bits. */
  value(name: string): { readonly data: Float32Array | Int32Array; readonly shape: readonly number[] } {
    const shape = this.shape(name);
    if (shape.length === 4) return this.image(name);
    const { data } = this.#get(name);
    return { data: data instanceof BigInt64Array ? this.integers(name) : this.floats(name), shape };
  }

  /** All float32 tensors named `prefix` + key, by key. */
  stateDict(prefix: string): StateDict {
    const names = [...this.#tensors.keys()].filter((name) => name.startsWith(prefix));
    return new Map(
      names.map((name) => [name.slice(prefix.length), { data: this.floats(name), shape: this.shape(name) }]),
    );
  }

  #get(name: string): StoredTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`the fixture has no tensor ${name}`);
    return tensor;
  }
}
