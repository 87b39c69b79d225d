// Small graphs run once on the reference backend.

import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import type { Tensor } from "../../src/engine/tensor.ts";
import type { Module } from "../../src/nn/module.ts";

/** The values of tensors that depend on constants, and on the parameters of `modules`. */
export async function run(outputs: readonly Tensor[], ...modules: Module[]): Promise<Float32Array[]> {
  const backend = new ReferenceBackend();
  for (const module of modules) module.upload(backend);
  const executable = await backend.compile({ name: "test", inputs: [], outputs });
  return executable.run([]);
}
