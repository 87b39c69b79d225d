// The backends by name, and the choice among them.

import { gpus } from "#platform";
import { type Backend, GpuError } from "../backend.ts";
import type { FoundGpu } from "./webgpu/device.ts";

/**
 * webgpu: generated WGSL on a GPU. wasm: generated WebAssembly on threads. reference: float64, slow and simple, the
 * standard for the others.
 */
export const BACKEND_NAMES = ["webgpu", "wasm", "reference"] as const;
/** The name of a backend. @useDeclaredType */
export type BackendName = (typeof BACKEND_NAMES)[number];

/** What may be asked for. auto: a GPU where there is one, the processor otherwise. */
export const BACKEND_CHOICES = ["auto", ...BACKEND_NAMES] as const;
/** A backend, or "auto". @useDeclaredType */
export type BackendChoice = (typeof BACKEND_CHOICES)[number];

export const isBackendName = (name: string): name is BackendName =>
  BACKEND_NAMES.some((known) => known === name);

/** The choice unless another is made. */
export const DEFAULT_BACKEND: BackendChoice = "auto";

/** Which backend, and how many threads. */
export interface BackendOptions {
  /** Default "auto". */
  readonly backend?: BackendChoice;
  /** Threads of the wasm backend. Default: one per processor. */
  readonly threads?: number;
}

/** A backend that was chosen and started. */
export interface ChosenBackend {
  readonly backend: Backend;
  /** What it runs on, for people: "NVIDIA L4 (WebGPU)", "the processor (WebAssembly)". */
  readonly device: string;
  /** Why not on a GPU, where that was not asked for. */
  readonly reason?: string;
}

/** Loads the chosen backend's code and starts it; the caller closes it. @throws GpuError where webgpu cannot be had */
export async function createBackend(options: BackendOptions = {}): Promise<Backend> {
  return (await chooseBackend(options)).backend;
}

/** As `createBackend`, and says what was chosen. */
export async function chooseBackend({
  backend = DEFAULT_BACKEND,
  threads,
}: BackendOptions = {}): Promise<ChosenBackend> {
  switch (backend) {
    case "auto": {
      const found = await gpuOrReason();
      return typeof found === "string" ? { ...(await wasmBackend(threads)), reason: found } : found;
    }
    case "webgpu": {
      const { findGpu } = await import("./webgpu/device.ts");
      return webgpuBackend(await findGpu());
    }
    case "wasm":
      return wasmBackend(threads);
    case "reference": {
      const { ReferenceBackend } = await import("./reference/backend.ts");
      return { backend: new ReferenceBackend(), device: "the processor (reference)" };
    }
    default:
      return backend satisfies never;
  }
}

async function wasmBackend(threads: number | undefined): Promise<ChosenBackend> {
  const { WasmBackend } = await import("./cpu/wasm_backend.ts");
  const backend = new WasmBackend(threads === undefined ? {} : { threads });
  return { backend, device: "the processor (WebAssembly)" };
}

async function webgpuBackend(found: FoundGpu): Promise<ChosenBackend> {
  const { Device } = await import("./webgpu/device.ts");
  const { WebgpuBackend } = await import("./webgpu/webgpu_backend.ts");
  const backend = await WebgpuBackend.open(await Device.open(found));
  return { backend, device: `${found.name} (WebGPU)` };
}

/** Why this process computes on the processor; looked for once. */
let noGpu: string | undefined;

/** A GPU, or why there is none. One that the processor plays is none. */
async function gpuOrReason(): Promise<ChosenBackend | string> {
  noGpu ??= await gpus.missing();
  if (noGpu !== undefined) return noGpu;
  const { findGpu } = await import("./webgpu/device.ts");
  try {
    const found = await findGpu();
    if (!found.isSoftware) return await webgpuBackend(found);
    noGpu = `${found.name} is no GPU`;
  } catch (error) {
    if (!(error instanceof GpuError)) throw error;
    noGpu = error.message;
  }
  return noGpu;
}
