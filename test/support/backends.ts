// Every backend under test, each with its tolerance against numbers made by float32 Python.

import type { Backend } from "../../src/engine/backend.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { BACKEND_NAMES, type BackendName, createBackend } from "../../src/engine/backends/create.ts";
import { noGpu, tellMissingGpu } from "./gpu.ts";
import { nativeSets } from "./native_machine.ts";

export interface TestedBackend {
  readonly name: string;
  /** Bound on ‖a−b‖/‖b‖ for outputs and gradients of a small UNet. */
  readonly tolerance: number;
  create(): Promise<Backend>;
}

const TOLERANCES: Readonly<Record<BackendName, number>> = {
  webgpu: 1e-4,
  native: 1e-4,
  wasm: 1e-4,
  reference: 1e-5,
};

tellMissingGpu();

/** The backends that this machine has. */
export const backendNames: readonly BackendName[] = BACKEND_NAMES.filter((name) =>
  name === "webgpu" ? noGpu === undefined : name === "native" ? nativeSets.length > 0 : true,
);

export const backends: readonly TestedBackend[] = [
  ...backendNames.map((name) => ({
    name,
    tolerance: TOLERANCES[name],
    create: () => createBackend({ backend: name, threads: 2 }),
  })),
  // As in pages that are not isolated.
  {
    name: "wasm, memory not shared",
    tolerance: TOLERANCES.wasm,
    create: async () => new WasmBackend({ sharedMemory: false }),
  },
];

/** Those that are held against the reference. */
export const judgedBackends = backends.filter(({ name }) => name !== "reference");
