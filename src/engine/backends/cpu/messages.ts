// What the backend and its worker threads say to each other.

export interface WorkerSetup {
  readonly memory: WebAssembly.Memory;
}

export type Request =
  | { readonly kind: "load"; readonly program: number; readonly module: WebAssembly.Module }
  | { readonly kind: "unload"; readonly program: number }
  /** Arguments of the driver's run function. */
  | { readonly kind: "run"; readonly program: number; readonly args: readonly number[] };

/** A worker says once that it is there, and answers each `run`. */
export interface Reply {
  readonly error?: string;
}
