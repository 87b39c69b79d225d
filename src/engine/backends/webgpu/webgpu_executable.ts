// A compiled program of the WebGPU backend.

import {
  type Executable,
  type HostArray,
  type KernelTiming,
  LateReadError,
  type ProgramRun,
  type ProgramSpec,
  type ProgramStats,
  readOutputs,
} from "../../backend.ts";
import { checkFeeds } from "../../checks.ts";
import { toElements, toFloats } from "../../elements.ts";
import { DTYPE_BYTES, type Node } from "../../graph.ts";
import type { JoinedProgram } from "../../program/join_calls.ts";
import { PreludeWatch, preludeVariables } from "../../program/prelude.ts";
import { numel } from "../../shape.ts";
import type { Device } from "./device.ts";
import { type Dispatches, dispatchesOf } from "./dispatches.ts";
import type { GpuKernel } from "./kernels/kernel.ts";
import type { Pipelines } from "./pipelines.ts";
import { type Placement, place, regionOf } from "./placement.ts";
import { encode, timesOf } from "./times.ts";
import type { Variable } from "./variables.ts";

/** What a program needs from its backend. */
export interface Machine {
  readonly device: Device;
  readonly pipelines: Pipelines;
  readonly variable: (node: Node) => Variable;
}

export class WebgpuExecutable implements Executable {
  readonly stats: ProgramStats;
  readonly #program: ProgramSpec;
  readonly #lowered: JoinedProgram<GpuKernel>;
  readonly #machine: Machine;
  readonly #placement: Placement;
  readonly #dispatches: Dispatches;
  readonly #prelude: PreludeWatch;
  /** Variables that each run writes. */
  readonly #updated: readonly { version: number }[];
  #begun = 0;
  /** The commands of the next run, written while the device was busy with the one before. */
  #next: GPUCommandBuffer | undefined;
  #disposed = false;

  private constructor(
    program: ProgramSpec,
    lowered: JoinedProgram<GpuKernel>,
    machine: Machine,
    placement: Placement,
    dispatches: Dispatches,
  ) {
    this.#program = program;
    this.#lowered = lowered;
    this.#machine = machine;
    this.#placement = placement;
    this.#dispatches = dispatches;
    const calls = lowered.calls.slice(lowered.preludeCalls);
    this.stats = {
      arenaBytes: placement.arenaBytes,
      flops: calls.reduce((total, { kernel }) => total + kernel.flops, 0),
      kernels: dispatches.main.length,
    };
    this.#prelude = new PreludeWatch(preludeVariables(lowered).map(machine.variable));
    this.#updated = (program.updates ?? []).map(({ target }) => machine.variable(target.node));
  }

  /** Allocates the program's buffers and compiles its kernels. @throws MemoryError, GpuError */
  static async create(
    program: ProgramSpec,
    lowered: JoinedProgram<GpuKernel>,
    machine: Machine,
  ): Promise<WebgpuExecutable> {
    const { device, variable } = machine;
    const placement = await place(program.name, lowered, device, (node) => variable(node).region);
    try {
      const dispatches = await device.wait(dispatchesOf(lowered, placement, device, machine.pipelines));
      return new WebgpuExecutable(program, lowered, machine, placement, dispatches);
    } catch (error) {
      for (const buffer of placement.own) device.destroy(buffer);
      throw error;
    }
  }

  begin(feeds: readonly HostArray[]): ProgramRun {
    checkFeeds(this.#program, feeds);
    const number = ++this.#begun;
    this.#start(feeds);
    const { device } = this.#machine;
    const done = device.wait(device.gpu.queue.onSubmittedWorkDone());
    // Whatever runs twice runs again.
    if (number > 1) this.#next = this.#commands((pass) => encode(pass, this.#dispatches.main));
    // Callers that await the run or read from it get the error.
    done.catch(() => undefined);
    const read = async (output: number): Promise<Float32Array> => {
      if (number !== this.#begun) throw new LateReadError(this.#program.name, output);
      return this.#output(output);
    };
    return { done, read };
  }

  run(feeds: readonly HostArray[]): Promise<Float32Array[]> {
    return readOutputs(this.begin(feeds), this.#program.outputs.length);
  }

  async profile(feeds: readonly HostArray[]): Promise<KernelTiming[]> {
    const { device } = this.#machine;
    if (!device.hasTimes) {
      await this.run(feeds);
      return [];
    }
    checkFeeds(this.#program, feeds);
    this.#begun++;
    this.#feed(feeds);
    device.gpu.queue.submit(this.#duePrelude());
    const { main } = this.#dispatches;
    const seconds = await timesOf(device, main);
    this.#countUpdates();
    return main.map(({ kernel, labels }, i) => ({
      family: kernel.family,
      label: labels.length === 1 ? labels[0] : `${labels[0]}, ${labels.length} together`,
      seconds: seconds[i],
      flops: labels.length * kernel.flops,
      fewerFlops: kernel.fewerFlops === true,
      bytes: labels.length * kernel.bytes,
    }));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#next = undefined;
    const buffers = [...this.#placement.own, ...this.#dispatches.tables];
    for (const buffer of buffers) this.#machine.device.destroy(buffer);
  }

  /** A copy of an output's values. */
  async #output(i: number): Promise<Float32Array> {
    const { buffer, offset } = regionOf(this.#placement, this.#lowered.outputs[i]);
    const { shape, dtype } = this.#program.outputs[i];
    const count = numel(shape);
    const bytes = await this.#machine.device.read(buffer, offset, count * DTYPE_BYTES[dtype]);
    return toFloats(bytes, 0, count, dtype);
  }

  #feed(feeds: readonly HostArray[]): void {
    if (this.#disposed) throw new Error(`${this.#program.name}: the program was disposed of`);
    const { device } = this.#machine;
    for (const [i, { place: at }] of this.#lowered.buffers.entries()) {
      if (at.kind !== "input") continue;
      const input = this.#program.inputs.findIndex(({ node }) => node === at.node);
      device.write(this.#placement.regions[i], toElements(feeds[input], at.node.dtype));
    }
  }

  /** Submits a run. */
  #start(feeds: readonly HostArray[]): void {
    this.#feed(feeds);
    const prelude = this.#duePrelude();
    const main = this.#next ?? this.#commands((pass) => encode(pass, this.#dispatches.main));
    this.#next = undefined;
    this.#machine.device.gpu.queue.submit([...prelude, main]);
    this.#countUpdates();
  }

  /** The commands of the prelude, if it is due. */
  #duePrelude(): GPUCommandBuffer[] {
    const versions = this.#prelude.due();
    if (versions === undefined) return [];
    const commands = this.#commands((pass) => encode(pass, this.#dispatches.prelude));
    this.#prelude.hasRun(versions);
    return [commands];
  }

  #commands(write: (pass: GPUComputePassEncoder) => void): GPUCommandBuffer {
    const { device } = this.#machine;
    device.check();
    const encoder = device.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    write(pass);
    pass.end();
    return encoder.finish();
  }

  #countUpdates(): void {
    for (const variable of this.#updated) variable.version++;
  }
}
