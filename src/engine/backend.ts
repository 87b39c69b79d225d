// The interface between graphs and machines. It assumes neither a CPU nor linear memory.

import type { Capabilities } from "./capabilities.ts";
import type { Tensor } from "./tensor.ts";

/** Values on the host; 16-bit floating-point ones may also be given as their bits, in a Uint16Array. */
export type HostArray = Float32Array | Int32Array | Uint16Array;

/** What one compiled program reads and gives. */
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
   * Kernels are chosen for one image, so that an image's result does not depend on how many others are in the batch,
   * which is the first axis. By default they are chosen for the whole batch, which is faster where it is small.
   */
  readonly batchInvariant?: boolean;
}

/** What a program costs, known before its first run. */
export interface ProgramStats {
  /** Bytes of all intermediate results at their peak. */
  readonly arenaBytes: number;
  /** Floating-point operations of one run (a multiply-add counts as two). */
  readonly flops: number;
  readonly kernels: number;
}

/** Time of one kernel of a profiled run. */
export interface KernelTiming {
  readonly family: string;
  readonly label: string;
  /** From the first thread's start to the last one's end. */
  readonly seconds: number;
  readonly flops: number;
  /** Whether `flops` are those of the direct way to the same result, and the kernel does fewer. */
  readonly fewerFlops: boolean;
  readonly bytes: number;
}

/** One run of a program, under way or ended. */
export interface ProgramRun {
  /** Settles when the run has ended; rejected where it failed. */
  readonly done: Promise<void>;
  /**
   * The values of an output, counted as in the program. To be called before the program's next run begins; the promise may
   * be awaited later. What nobody reads stays on the device.
   */
  read(output: number): Promise<Float32Array>;
}

/** An output was asked for when its program's next run had begun: the values are gone. */
export class LateReadError extends Error {
  override readonly name = "LateReadError";

  constructor(program: string, output: number) {
    super(`${program}: output ${output} is read after the next run was begun`);
  }
}

/** Waits for the end of a run and reads its first `count` outputs. */
export async function readOutputs(run: ProgramRun, count: number): Promise<Float32Array[]> {
  const reads = Array.from({ length: count }, (_, i) => run.read(i));
  const [, ...outputs] = await Promise.all([run.done, ...reads]);
  return outputs;
}

/** A program that was compiled for a backend. */
export interface Executable {
  readonly stats: ProgramStats;
  /**
   * Begins a run, after those that were begun before it. `feeds` are left alone until it is done.
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

/** Bytes. */
export interface MemoryNeed {
  /** The program and all its variables. */
  readonly needed: number;
  /** What the backend may use at all. */
  readonly available: number;
}

/** Raised when a program or a variable needs more memory than there is. */
export class MemoryError extends Error {
  override readonly name = "MemoryError";
  readonly neededBytes: number;
  readonly availableBytes: number;

  constructor(what: string, neededBytes: number, availableBytes: number) {
    const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20).toLocaleString("en-US")} MiB`;
    super(`${what} needs ${mib(neededBytes)}, but only ${mib(availableBytes)} can be had`);
    this.neededBytes = neededBytes;
    this.availableBytes = availableBytes;
  }
}

/** Raised when the system does not give the threads that are wanted, or one is lost; nothing runs after that. */
export class ThreadError extends Error {
  override readonly name = "ThreadError";
}

/** A machine that compiles and runs programs, and keeps variables between their runs. */
export interface Backend {
  readonly name: string;
  readonly capabilities: Capabilities;
  /**
   * Gives a variable its value after the runs that were begun before, and before those that are begun later; creates it
   * on the backend at first use. `data` may be changed at once.
   */
  write(variable: Tensor, data: HostArray): void;
  /** A copy of a variable's value after the runs that were begun before. @throws when it was never written. */
  read(variable: Tensor): Promise<Float32Array>;
  /** @throws MemoryError, ThreadError */
  compile(program: ProgramSpec): Promise<Executable>;
  /** What `compile` would need, found without allocating anything. */
  memory(program: ProgramSpec): MemoryNeed;
  /** Stops workers and frees everything. */
  close(): Promise<void>;
}
