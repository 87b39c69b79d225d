// Every backend that the tests run on, each with the closeness it owes to numbers made by float32 Python.

import type { Backend } from "../../src/engine/backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";

export interface TestedBackend {
  readonly name: string;
  /** Bound on ‖a−b‖/‖b‖ for outputs and gradients of a small UNet. */
  readonly tolerance: number;
  create(): Promise<Backend>;
}

export const backends: readonly TestedBackend[] = [
  { name: "reference", tolerance: 1e-5, create: async () => new ReferenceBackend() },
];
