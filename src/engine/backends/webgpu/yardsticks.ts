// Measures a device's peak speeds.

import { repeatUntilSteady } from "../steady_times.ts";
import type { Device } from "./device.ts";
import { withTimer } from "./kernel_timer.ts";
import { bandwidthKernel, PEAK_ELEMENTS, peakKernel } from "./kernels/yardstick.ts";
import type { Pipelines } from "./pipelines.ts";

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
  return withTimer(device, pipelines, [PEAK_ELEMENTS], async (secondsOf) => {
    let groups = FIRST_GROUPS;
    const time = () => secondsOf(peakKernel(groups));
    while (groups < MOST_GROUPS && (await time()) < LONG_ENOUGH) groups *= GROWTH;
    const { flops } = peakKernel(groups);
    return (await repeatUntilSteady(time)).map((seconds) => flops / seconds);
  });
}

/** Bytes per second that are read or written, of several runs; none where the device cannot tell times. */
export async function measureBandwidth(device: Device, pipelines: Pipelines): Promise<number[]> {
  if (!device.hasTimes) return [];
  const elements = Math.min(BANDWIDTH_ELEMENTS, Math.floor(device.mostBytes / 16) * 4);
  return withTimer(device, pipelines, [elements], async (secondsOf) => {
    const kernel = bandwidthKernel(elements);
    const time = () => secondsOf(kernel);
    await time();
    return (await repeatUntilSteady(time)).map((seconds) => kernel.bytes / seconds);
  });
}
