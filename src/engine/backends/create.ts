// The backends by name.

import type { Backend } from "../backend.ts";
import { ReferenceBackend } from "./reference/backend.ts";

/** reference: float64, slow and obvious, the judge of the others. */
export const BACKEND_NAMES = ["reference"] as const;
export type BackendName = (typeof BACKEND_NAMES)[number];

export interface BackendOptions {
  readonly backendName?: BackendName;
  /** Threads of a backend that has them. Default: what the machine has. */
  readonly threads?: number;
}

/** Starts a backend; the caller closes it. */
export async function createBackend({ backendName = "reference" }: BackendOptions = {}): Promise<Backend> {
  switch (backendName) {
    case "reference":
      return new ReferenceBackend();
    default:
      return backendName satisfies never;
  }
}
