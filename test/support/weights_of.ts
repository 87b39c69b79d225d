// All values of a model, also where they have moved to a backend.

import type { StateDict } from "../../src/io/state_dict.ts";
import type { Module } from "../../src/nn/module.ts";

export async function weightsOf(model: Module): Promise<StateDict> {
  const weights: StateDict = new Map();
  for (const [name, { shape, read }] of model.weightSources()) {
    const data = await read("F32");
    if (!(data instanceof Float32Array)) throw new Error(`${name} is not float32`);
    weights.set(name, { data, shape });
  }
  return weights;
}
