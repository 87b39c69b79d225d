// The messages between the backend and its worker threads.

export interface WorkerSetup {
  readonly memory: WebAssembly.Memory;
}

export type Request =
  | { readonly kind: "load"; readonly program: number; readonly module: WebAssembly.Module }
  | { readonly kind: "unload"; readonly program: number }
  /** Arguments of the driver's run function. */
  | { readonly kind: "run"; readonly program: number; readonly args: readonly number[] };

/** A worker replies once when it has started, and to each `run`. */
export interface Reply {
  readonly error?: string;
}
