// The WebGPU backend: compiles a program to WGSL kernels and runs it on a GPU, in one submission.

import {
  type Backend,
  type Executable,
  type HostArray,
  MemoryError,
  type MemoryNeed,
  type ProgramSpec,
} from "../../backend.ts";
import type { Capabilities } from "../../capabilities.ts";
import { checkProgram, checkValues } from "../../checks.ts";
import { toFloats, toStored } from "../../elements.ts";
import { DTYPE_BYTES } from "../../graph.ts";
import type { JoinedProgram } from "../../program/join_calls.ts";
import type { KernelSet } from "../../program/kernel_set.ts";
import { numel } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import type { Device } from "./device.ts";
import type { GpuKernel } from "./kernels/kernel.ts";
import { lowerJoined } from "./lowering.ts";
import { Pipelines } from "./pipelines.ts";
import { bytesOf } from "./placement.ts";
import { speedsOf } from "./tile_trial.ts";
import { Variables } from "./variables.ts";
import { WebgpuExecutable } from "./webgpu_executable.ts";
import { choiceFor, type KernelChoice, webgpuKernels } from "./webgpu_kernels.ts";
import { measureBandwidth, measurePeak } from "./yardsticks.ts";

/** Bytes of a program's largest array. */
const largestOf = ({ buffers }: JoinedProgram<GpuKernel>): number =>
  buffers.reduce((most, { bytes }) => Math.max(most, bytes), 0);

export class WebgpuBackend implements Backend {
  readonly name = "webgpu";
  readonly capabilities: Capabilities;
  readonly device: Device;
  readonly #kernels: KernelSet<GpuKernel>;
  readonly #pipelines: Pipelines;
  readonly #variables: Variables;

  private constructor(device: Device, pipelines: Pipelines, choice: KernelChoice) {
    this.device = device;
    this.#kernels = webgpuKernels(choice);
    this.capabilities = this.#kernels.capabilities;
    this.#pipelines = pipelines;
    this.#variables = new Variables(device);
  }

  /**
   * On a device that was never used before, measures how fast it computes products.
   * @param device closed by `close`, or here if this fails
   * @param choice kernels other than the device's own, to test them
   */
  static async open(device: Device, choice: Partial<KernelChoice> = {}): Promise<WebgpuBackend> {
    const pipelines = new Pipelines(device);
    try {
      const speeds =
        choice.speeds === undefined
          ? await speedsOf(device, pipelines)
          : { tiles: choice.speeds, bytesPerSecond: 0 };
      return new WebgpuBackend(device, pipelines, { ...choiceFor(device, speeds), ...choice });
    } catch (error) {
      device.close();
      throw error;
    }
  }

  write(variable: Tensor, data: HostArray): void {
    checkValues(variable, data);
    this.#variables.write(variable.node, data);
  }

  async read(variable: Tensor): Promise<Float32Array> {
    return toFloats(await this.#bytesOf(variable), 0, numel(variable.shape), variable.dtype);
  }

  async readStored(variable: Tensor): Promise<Float32Array | Uint16Array> {
    return toStored(await this.#bytesOf(variable), 0, numel(variable.shape), variable.dtype);
  }

  #bytesOf({ node, shape, dtype }: Tensor): Promise<ArrayBuffer> {
    const { buffer, offset } = this.#variables.of(node).region;
    return this.device.read(buffer, offset, numel(shape) * DTYPE_BYTES[dtype]);
  }

  async compile(program: ProgramSpec): Promise<Executable> {
    checkProgram(program, this.capabilities);
    this.device.check();
    await this.device.allocated();
    const lowered = lowerJoined(program, this.#kernels);
    for (const { place } of lowered.buffers) if (place.kind === "variable") this.#variables.of(place.node);
    const largest = largestOf(lowered);
    const { mostBytes } = this.device;
    if (largest > mostBytes) throw new MemoryError(`an array of ${program.name}`, largest, mostBytes);
    return WebgpuExecutable.create(program, lowered, {
      device: this.device,
      pipelines: this.#pipelines,
      variable: (node) => this.#variables.of(node),
    });
  }

  memory(program: ProgramSpec): MemoryNeed {
    const lowered = lowerJoined(program, this.#kernels);
    // WebGPU does not tell how much there is until it refuses some, only how large an array can be.
    const largest = largestOf(lowered);
    if (largest > this.device.mostBytes) return { needed: largest, available: this.device.mostBytes };
    const variables = lowered.buffers.filter(({ place }) => place.kind === "variable");
    const needed = variables.reduce((total, { bytes }) => total + bytes, bytesOf(lowered, this.device));
    return { needed, available: this.device.capacity };
  }

  /** Bytes of all variables and programs. */
  get usedBytes(): number {
    return this.device.usedBytes;
  }

  measurePeak(): Promise<number[]> {
    return measurePeak(this.device, this.#pipelines);
  }

  measureBandwidth(): Promise<number[]> {
    return measureBandwidth(this.device, this.#pipelines);
  }

  async close(): Promise<void> {
    this.#variables.close();
    this.device.close();
  }
}
