// The backends by name.

import type { Backend } from "../backend.ts";

/** wasm: generated WebAssembly on threads. reference: float64, slow and simple, the standard for the others. */
export const BACKEND_NAMES = ["wasm", "reference"] as const;
/** The name of a backend. */
export type BackendName = (typeof BACKEND_NAMES)[number];

export const isBackendName = (name: string): name is BackendName =>
  BACKEND_NAMES.some((known) => known === name);

/** The backend that is used unless another is named. */
export const DEFAULT_BACKEND: BackendName = "wasm";

/** Which backend, and how many threads. */
export interface BackendOptions {
  /** Default "wasm". */
  readonly backend?: BackendName;
  /** Threads of the wasm backend. Default: one per processor. */
  readonly threads?: number;
}

/** Loads the chosen backend's code and starts it; the caller closes it. */
export async function createBackend({
  backend = DEFAULT_BACKEND,
  threads,
}: BackendOptions = {}): Promise<Backend> {
  switch (backend) {
    case "wasm": {
      const { WasmBackend } = await import("./cpu/wasm_backend.ts");
      return new WasmBackend(threads === undefined ? {} : { threads });
    }
    case "reference": {
      const { ReferenceBackend } = await import("./reference/backend.ts");
      return new ReferenceBackend();
    }
    default:
      return backend satisfies never;
  }
}
