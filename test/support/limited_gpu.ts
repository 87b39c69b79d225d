// A GPU that has less memory than its driver would give: buffers beyond a bound are refused as a full device refuses them.

import { Device, type FoundGpu, findGpu } from "../../src/engine/backends/webgpu/device.ts";

/** Calls a method, or reads a property, of what a proxy stands for. */
function own(target: object, key: string | symbol): unknown {
  const value: unknown = Reflect.get(target, key, target);
  return typeof value === "function" ? value.bind(target) : value;
}

/** A device with so many bytes for buffers; those that results are read through are free. */
export async function openLimited(most: number): Promise<Device> {
  const found = await findGpu();
  const adapter = new Proxy(found.adapter, {
    get(target, key) {
      if (key !== "requestDevice") return own(target, key);
      return async (wanted: GPUDeviceDescriptor) => limited(await target.requestDevice(wanted), most);
    },
  });
  return Device.open({ ...found, adapter } satisfies FoundGpu);
}

const MAP_READ = 1;

function limited(device: GPUDevice, most: number): GPUDevice {
  let used = 0;
  let isRefused = false;
  return new Proxy(device, {
    get(target, key) {
      if (key === "createBuffer") {
        return (wanted: GPUBufferDescriptor): GPUBuffer => {
          if ((wanted.usage & MAP_READ) !== 0) return target.createBuffer(wanted);
          isRefused = used + wanted.size > most;
          // A refused buffer is there, and has no memory.
          const buffer = target.createBuffer(isRefused ? { ...wanted, size: 16 } : wanted);
          const bytes = isRefused ? 0 : wanted.size;
          used += bytes;
          const destroy = buffer.destroy.bind(buffer);
          return Object.defineProperties(buffer, {
            size: { value: wanted.size },
            destroy: {
              value: () => {
                used -= bytes;
                destroy();
              },
            },
          });
        };
      }
      if (key === "popErrorScope") {
        const refused = isRefused;
        isRefused = false;
        return () => target.popErrorScope().then((error) => (refused ? new Error("out of memory") : error));
      }
      return own(target, key);
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}
