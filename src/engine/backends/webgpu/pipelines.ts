// The compute pipelines of a device: equal shaders are compiled once.

import { GpuError } from "../../backend.ts";
import { bindingKey, type CallBindings } from "./bindings.ts";
import type { Device } from "./device.ts";
import type { GpuKernel } from "./kernels/kernel.ts";
import { shaderOf } from "./shader.ts";

export class Pipelines {
  readonly #device: Device;
  readonly #known = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: Device) {
    this.#device = device;
  }

  /** The pipeline of a kernel for arguments bound in a way. @throws GpuError if the GPU's compiler refuses it */
  of(kernel: GpuKernel, bindings: CallBindings): Promise<GPUComputePipeline> {
    const key = `${kernel.key}|${bindingKey(bindings)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const pipeline = this.#compile(kernel, bindings);
    this.#known.set(key, pipeline);
    return pipeline;
  }

  async #compile(kernel: GpuKernel, bindings: CallBindings): Promise<GPUComputePipeline> {
    const { gpu, name } = this.#device;
    const code = shaderOf(kernel, bindings);
    gpu.pushErrorScope("validation");
    const module = gpu.createShaderModule({ code, label: kernel.family });
    const refused = gpu.popErrorScope();
    const compiling = gpu.createComputePipelineAsync({
      label: kernel.family,
      layout: "auto",
      compute: { module, entryPoint: "main" },
    });
    try {
      return await compiling;
    } catch (cause) {
      this.#device.check();
      const { messages } = await module.getCompilationInfo();
      const said = messages.map(({ lineNum, message }) => `line ${lineNum}: ${message}`).join("; ");
      const why = said || ((await refused)?.message ?? String(cause)).split("\n", 1)[0];
      throw new GpuError(`the GPU (${name}) refuses the kernel ${kernel.family}: ${why}`, { cause });
    }
  }
}
