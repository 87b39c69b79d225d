// Every backend that the tests run on, each with the closeness it owes to numbers made by float32 Python.

import type { Backend } from "../../src/engine/backend.ts";
import { createBackend } from "../../src/engine/backends/create.ts";

export interface TestedBackend {
  readonly name: string;
  /** Bound on ‖a−b‖/‖b‖ for outputs and gradients of a small UNet. */
  readonly tolerance: number;
  create(): Promise<Backend>;
}

export const backends: readonly TestedBackend[] = [
  { name: "reference", tolerance: 1e-5, create: () => createBackend({ backend: "reference" }) },
  { name: "wasm", tolerance: 1e-4, create: () => createBackend({ backend: "wasm", threads: 2 }) },
];

/** Those that are held against the reference. */
export const judgedBackends = backends.filter(({ name }) => name !== "reference");
