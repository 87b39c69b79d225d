// The messages between the backend and its worker threads.

import type { Words } from "./words.ts";

export interface WorkerSetup {
  /** The memory that all threads share; or the pages of the memory that the thread makes for itself. */
  readonly memory: WebAssembly.Memory | { readonly initial: number; readonly maximum: number };
}

export type Request =
  | { readonly kind: "load"; readonly program: number; readonly module: WebAssembly.Module }
  | { readonly kind: "unload"; readonly program: number }
  /** Arguments of the driver's run function. */
  | { readonly kind: "run"; readonly program: number; readonly args: readonly number[] }
  /** The others are for a thread with its own memory. */
  | { readonly kind: "grow"; readonly pages: number }
  | { readonly kind: "write"; readonly address: number; readonly data: ArrayBuffer }
  | ({ readonly kind: "clear" } & Words)
  | { readonly kind: "read"; readonly address: number; readonly bytes: number };

/** A worker replies once when it has started, and to each `run` and `read`. */
export interface Reply {
  readonly error?: string;
  /** With an error: the memory that was wanted and could not be had. */
  readonly memory?: { readonly needed: number; readonly available: number };
  /** What was read. */
  readonly data?: ArrayBuffer;
}
