// The backends by name, and the choice among them.

import { gpus, nativeCode } from "#platform";
import { type Backend, GpuError, NativeCodeError } from "../backend.ts";
import type { FoundProcessor } from "./cpu/native_backend.ts";
import type { FoundGpu } from "./webgpu/device.ts";

/**
 * webgpu: generated WGSL on a GPU. native: generated machine code on threads. wasm: generated WebAssembly on threads.
 * reference: float64, slow and simple, the standard for the others.
 */
export const BACKEND_NAMES = ["webgpu", "native", "wasm", "reference"] as const;
/** The name of a backend. @useDeclaredType */
export type BackendName = (typeof BACKEND_NAMES)[number];

/**
 * What may be asked for. auto: a GPU where there is one, the processor otherwise. cpu: machine code where it can be run,
 * WebAssembly otherwise.
 */
export const BACKEND_CHOICES = ["auto", "cpu", ...BACKEND_NAMES] as const;
/** A backend, or a choice among some. @useDeclaredType */
export type BackendChoice = (typeof BACKEND_CHOICES)[number];

export const isBackendName = (name: string): name is BackendName =>
  BACKEND_NAMES.some((known) => known === name);

/** The choice unless another is made. */
export const DEFAULT_BACKEND: BackendChoice = "auto";

/** Which backend, and how many threads. */
export interface BackendOptions {
  /** Default "auto". */
  readonly backend?: BackendChoice;
  /** Threads of a backend on the processor. Default: one per processor. */
  readonly threads?: number;
}

/** A backend that was chosen and started. */
export interface ChosenBackend {
  readonly backend: Backend;
  /** What it runs on, for people: "NVIDIA L4 (WebGPU)", "the processor (machine code, AVX2)". */
  readonly device: string;
  /** Why not on something faster, where that was not asked for. */
  readonly reason?: string;
}

/** Whether two backends give the same bits on this machine. */
export async function givesSameBits(one: string, other: BackendName): Promise<boolean> {
  if (one === other) return true;
  const onProcessor = [one, other].every((name) => name === "native" || name === "wasm");
  if (!onProcessor) return false;
  // Machine code rounds a multiply-add once.
  const { hasRelaxedSimd } = await import("./cpu/simd/wasm.ts");
  return hasRelaxedSimd();
}

/**
 * Loads the chosen backend's code and starts it; the caller closes it.
 * @throws GpuError, NativeCodeError where webgpu or native is chosen and cannot be had
 */
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
      if (typeof found !== "string") return found;
      const { reason, ...chosen } = await processorBackend(threads);
      return { ...chosen, reason: reason === undefined ? found : `${found}; ${reason}` };
    }
    case "cpu":
      return processorBackend(threads);
    case "native": {
      const processor = await processorOrReason();
      if (typeof processor === "string") throw new NativeCodeError(processor);
      return nativeBackend(processor, threads);
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

/** What was found; looked for once. */
let foundProcessor: FoundProcessor | string | undefined;

/** A way to run machine code; or in one line why there is none, which is empty where nobody would expect one. */
async function processorOrReason(): Promise<FoundProcessor | string> {
  if (foundProcessor !== undefined) return foundProcessor;
  const opened = nativeCode.open();
  if (typeof opened === "string") {
    foundProcessor = opened;
  } else {
    const { findProcessor } = await import("./cpu/native_backend.ts");
    foundProcessor = findProcessor(opened);
  }
  return foundProcessor;
}

/** The better of the two backends on the processor. */
async function processorBackend(threads: number | undefined): Promise<ChosenBackend> {
  let processor = await processorOrReason();
  if (typeof processor !== "string") {
    try {
      return await nativeBackend(processor, threads);
    } catch (error) {
      if (!(error instanceof NativeCodeError)) throw error;
      processor = error.message;
    }
  }
  return { ...(await wasmBackend(threads)), ...(processor !== "" && { reason: processor }) };
}

async function nativeBackend(processor: FoundProcessor, threads: number | undefined): Promise<ChosenBackend> {
  const { INSTRUCTION_NAMES, NativeBackend } = await import("./cpu/native_backend.ts");
  const backend = new NativeBackend(processor, threads === undefined ? {} : { threads });
  const instructions = INSTRUCTION_NAMES[processor.instructions];
  return { backend, device: `the processor (machine code, ${instructions})` };
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
