// Dispatches in command buffers, and the time that each takes on the device.

import type { Device } from "./device.ts";
import type { Dispatch } from "./dispatches.ts";

/** What is encoded of a dispatch. */
export type Encoded = Pick<Dispatch, "pipeline" | "group" | "workgroups">;

export function encode(pass: GPUComputePassEncoder, dispatches: readonly Encoded[]): void {
  for (const { pipeline, group, workgroups } of dispatches) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...workgroups);
  }
}

/** Dispatches of one set of times; a set has at most 4,096, two for each. */
const MOST = 1024;
/** Bytes of a time, which counts nanoseconds. */
const TIME = 8;

/** Runs dispatches one after another, each in a pass of its own. @returns seconds of each */
export async function timesOf(device: Device, dispatches: readonly Encoded[]): Promise<number[]> {
  const seconds: number[] = [];
  for (let first = 0; first < dispatches.length; first += MOST) {
    seconds.push(...(await timesOfSome(device, dispatches.slice(first, first + MOST))));
  }
  return seconds;
}

async function timesOfSome(device: Device, dispatches: readonly Encoded[]): Promise<number[]> {
  const { gpu } = device;
  const count = 2 * dispatches.length;
  const querySet = gpu.createQuerySet({ type: "timestamp", count });
  const buffer = device.newBuffer(count * TIME, "the times", true);
  try {
    const encoder = gpu.createCommandEncoder();
    for (const [i, dispatch] of dispatches.entries()) {
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
      });
      encode(pass, [dispatch]);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, count, buffer, 0);
    gpu.queue.submit([encoder.finish()]);
    const times = new BigUint64Array(await device.read(buffer, 0, count * TIME));
    return dispatches.map((_, i) => Number(times[2 * i + 1] - times[2 * i]) / 1e9);
  } finally {
    querySet.destroy();
    device.destroy(buffer);
  }
}
