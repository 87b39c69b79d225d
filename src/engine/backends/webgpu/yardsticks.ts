// Measures a device's peak speeds.

import { repeatUntilSteady } from "../steady_times.ts";
import { bind } from "./bindings.ts";
import type { Device } from "./device.ts";
import type { GpuKernel } from "./kernels/kernel.ts";
import { bandwidthKernel, PEAK_ELEMENTS, peakKernel } from "./kernels/yardstick.ts";
import type { Pipelines } from "./pipelines.ts";
import { timesOf } from "./times.ts";

/** A run must take as long, so that what surrounds it does not count (seconds). */
const LONG_ENOUGH = 0.01;
const FIRST_GROUPS = 64;
const MOST_GROUPS = 2 ** 20;
const GROWTH = 4;
/** Larger than any cache, in elements. */
const BANDWIDTH_ELEMENTS = 2 ** 26;

/** Floating-point operations per second, of several runs; none where the device cannot tell times. */
export async function measurePeak(device: Device, pipelines: Pipelines): Promise<number[]> {
  if (!device.hasTimes) return [];
  return withArray(device, PEAK_ELEMENTS, async (array) => {
    let groups = FIRST_GROUPS;
    const time = () => timeOf(device, pipelines, peakKernel(groups), array);
    while (groups < MOST_GROUPS && (await time()) < LONG_ENOUGH) groups *= GROWTH;
    const { flops } = peakKernel(groups);
    return (await repeatUntilSteady(time)).map((seconds) => flops / seconds);
  });
}

/** Bytes per second that are read or written, of several runs; none where the device cannot tell times. */
export async function measureBandwidth(device: Device, pipelines: Pipelines): Promise<number[]> {
  if (!device.hasTimes) return [];
  const elements = Math.min(BANDWIDTH_ELEMENTS, Math.floor(device.mostBytes / 16) * 4);
  return withArray(device, elements, async (array) => {
    const kernel = bandwidthKernel(elements);
    const time = () => timeOf(device, pipelines, kernel, array);
    await time();
    return (await repeatUntilSteady(time)).map((seconds) => kernel.bytes / seconds);
  });
}

async function withArray<T>(
  device: Device,
  elements: number,
  work: (array: GPUBuffer) => Promise<T>,
): Promise<T> {
  const bytes = 4 * elements;
  let array: GPUBuffer | undefined;
  try {
    array = device.newBuffer(bytes, "a measurement");
    await device.allocated();
    return await work(array);
  } finally {
    if (array !== undefined) device.destroy(array);
  }
}

async function timeOf(
  device: Device,
  pipelines: Pipelines,
  kernel: GpuKernel,
  array: GPUBuffer,
): Promise<number> {
  const bindings = bind([{ buffer: array, offset: 0, size: array.size }], kernel.arrays, device.alignment);
  const pipeline = await pipelines.of(kernel, bindings);
  const group = device.gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: array } }],
  });
  const [seconds] = await timesOf(device, [{ pipeline, group, workgroups: kernel.workgroups }]);
  return seconds;
}
