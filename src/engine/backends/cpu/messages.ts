// The messages between the backend and its worker threads.

import type { Words } from "./words.ts";

export type WorkerSetup =
  /** The memory that all threads share; or the pages of the memory that the thread makes for itself. */
  | { readonly memory: WebAssembly.Memory | { readonly initial: number; readonly maximum: number } }
  /** What machine code is called by. */
  | { readonly library: string };

export type Request =
  /** A module, or the address of machine code. */
  | { readonly kind: "load"; readonly program: number; readonly code: WebAssembly.Module | number }
  | { readonly kind: "unload"; readonly program: number }
  /** Arguments of the driver's run function. */
  | { readonly kind: "run"; readonly program: number; readonly args: readonly number[] }
  /** The others are for a thread with a memory of its own. */
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
