// Times a kernel alone, on arrays of its own.

import { bind, type Region } from "./bindings.ts";
import type { Device } from "./device.ts";
import { bound } from "./dispatches.ts";
import type { GpuKernel } from "./kernels/kernel.ts";
import type { Pipelines } from "./pipelines.ts";
import { timesOf } from "./times.ts";

/**
 * Does work that times kernels.
 * @param elements of the kernels' arrays, 4 bytes each
 * @param work gets a function that runs a kernel once, and gives its seconds
 */
export async function withTimer<T>(
  device: Device,
  pipelines: Pipelines,
  elements: readonly number[],
  work: (secondsOf: (kernel: GpuKernel) => Promise<number>) => Promise<T>,
): Promise<T> {
  const arrays = elements.map((count) => device.newBuffer(4 * count, "a measurement"));
  try {
    await device.allocated();
    const regions = arrays.map((buffer): Region => ({ buffer, offset: 0, size: buffer.size }));
    return await work(async (kernel) => {
      const bindings = bind(regions, kernel.arrays, device);
      const ready = await bound(kernel, bindings, undefined, device, pipelines);
      const [seconds] = await timesOf(device, [{ ...ready, workgroups: kernel.workgroups }]);
      return seconds;
    });
  } finally {
    for (const buffer of arrays) device.destroy(buffer);
  }
}
