// The interface between graphs and the machines that run them. It assumes neither a CPU nor linear memory.

import type { Capabilities } from "./capabilities.ts";
import type { Tensor } from "./tensor.ts";

/** Values on the host; 16-bit floating-point ones may also be given as their bits, in a Uint16Array. */
export type HostArray = Float32Array | Int32Array | Uint16Array;

/** The inputs, outputs and updates of one compiled program. */
export interface ProgramSpec {
  /** Shown in profiles and errors. */
  readonly name: string;
  /** Fed at each run, in this order. */
  readonly inputs: readonly Tensor[];
  /** Returned by each run, in this order. */
  readonly outputs: readonly Tensor[];
  /** After each run, variable `target` holds `value`. All values are computed from the state before the run. */
  readonly updates?: readonly { readonly target: Tensor; readonly value: Tensor }[];
  /**
   * Choose kernels for one image, so that an image's result does not depend on how many others are in the batch (the
   * first axis). By default kernels are chosen for the whole batch, which is faster for small batches.
   */
  readonly batchInvariant?: boolean;
}

/** What a program costs, known before its first run. */
export interface ProgramStats {
  /** Bytes of all intermediate results at their peak. */
  readonly arenaBytes: number;
  /** Floating-point operations of one run (a multiply-add counts as two). */
  readonly flops: number;
  /** Kernel calls of one run. */
  readonly kernels: number;
}

/** The time of one kernel in a profiled run. */
export interface KernelTiming {
  /** The kind of kernel, by which times can be added up. */
  readonly family: string;
  /** What it computes, with its sizes. */
  readonly label: string;
  /** From the start of the first thread to the end of the last. */
  readonly seconds: number;
  /** Floating-point operations (a multiply-add counts as two). */
  readonly flops: number;
  /** True when `flops` counts the direct algorithm and the kernel does fewer. */
  readonly fewerFlops: boolean;
  /** Bytes read and written, each array once. */
  readonly bytes: number;
}

/** One run of a program, in progress or finished. */
export interface ProgramRun {
  /** Settles when the run ends; rejects if it fails. */
  readonly done: Promise<void>;
  /**
   * The values of output number `output`. Call it before the program's next run begins; the promise may be awaited
   * later. Outputs that nobody reads stay on the device.
   */
  read(output: number): Promise<Float32Array>;
}

/** An output was read after its program's next run had begun, when its values are gone. */
export class LateReadError extends Error {
  override readonly name = "LateReadError";

  constructor(program: string, output: number) {
    super(`${program}: output ${output} is read after the next run was begun`);
  }
}

/** Waits for a run to end and reads its first `count` outputs. */
export async function readOutputs(run: ProgramRun, count: number): Promise<Float32Array[]> {
  const reads = Array.from({ length: count }, (_, i) => run.read(i));
  const [, ...outputs] = await Promise.all([run.done, ...reads]);
  return outputs;
}

/** A program compiled for a backend. */
export interface Executable {
  /** What the program costs. */
  readonly stats: ProgramStats;
  /**
   * Queues a run after those begun before it. `feeds` must not change until the run is done.
   * @throws when a feed's type or length does not fit its input
   */
  begin(feeds: readonly HostArray[]): ProgramRun;
  /** Runs once and reads every output. @throws as `begin` */
  run(feeds: readonly HostArray[]): Promise<Float32Array[]>;
  /** Runs once and times each kernel; a backend without kernels returns an empty list. */
  profile(feeds: readonly HostArray[]): Promise<KernelTiming[]>;
  /** Frees the program's memory; its variables stay. */
  dispose(): void;
}

/** Memory sizes, in bytes. */
export interface MemoryNeed {
  /** Needed by the program and all its variables. */
  readonly needed: number;
  /** All that the backend may use. */
  readonly available: number;
}

/** A program or a variable needs more memory than there is. */
export class MemoryError extends Error {
  override readonly name = "MemoryError";
  /** What was asked for. */
  readonly neededBytes: number;
  /** All that can be had. */
  readonly availableBytes: number;

  constructor(what: string, neededBytes: number, availableBytes: number) {
    const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20).toLocaleString("en-US")} MiB`;
    super(`${what} needs ${mib(neededBytes)}, but only ${mib(availableBytes)} can be had`);
    this.neededBytes = neededBytes;
    this.availableBytes = availableBytes;
  }
}

/** The system does not start as many threads as wanted, or one is lost; nothing can run after that. */
export class ThreadError extends Error {
  override readonly name = "ThreadError";
}

/** There is no GPU, or it failed; nothing more can run on it. */
export class GpuError extends Error {
  override readonly name = "GpuError";
}

/** Machine code was asked for by name and cannot be run here. */
export class NativeCodeError extends Error {
  override readonly name = "NativeCodeError";
}

/** A machine that compiles and runs programs, and keeps variables between their runs. */
export interface Backend {
  /** "native", "wasm", "webgpu" or "reference". */
  readonly name: string;
  /** What its kernels can do, which decides how programs are lowered. */
  readonly capabilities: Capabilities;
  /**
   * Sets a variable, after the runs begun before this call and before those begun later; allocates the variable at
   * first use. `data` is copied and may be changed at once.
   */
  write(variable: Tensor, data: HostArray): void;
  /** A copy of a variable's value after the runs begun before this call. @throws when it was never written. */
  read(variable: Tensor): Promise<Float32Array>;
  /** The same, but of 16-bit elements the bits. */
  readStored(variable: Tensor): Promise<Float32Array | Uint16Array>;
  /**
   * The elements of an f32 variable where they lie, after the runs begun before this call, to read and change until the
   * next call of the backend; undefined where the host does not see its memory.
   */
  view?(variable: Tensor): Promise<Float32Array | undefined>;
  /** @throws MemoryError, ThreadError, GpuError */
  compile(program: ProgramSpec): Promise<Executable>;
  /** The memory that `compile` would need, found without allocating anything. */
  memory(program: ProgramSpec): MemoryNeed;
  /** Bytes of all variables and programs, where a backend counts them. */
  readonly usedBytes?: number;
  /**
   * Floating-point operations per second of multiply-adds in registers, for each of several runs: what no kernel can
   * exceed. A backend that measures nothing has neither this nor the next.
   */
  measurePeak?(): Promise<number[]>;
  /**
   * Bytes per second that are read or written in an array larger than the caches, for each of several runs.
   * @throws MemoryError when the array does not fit
   */
  measureBandwidth?(): Promise<number[]>;
  /** Stops workers and frees everything. */
  close(): Promise<void>;
}
