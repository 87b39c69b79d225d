// A program's calls as dispatches: pipelines with their bound arrays. Calls of a group whose arrays lie in the same
// buffers are one dispatch.

import type { JoinedProgram } from "../../program/join_calls.ts";
import {
  bind,
  bindTogether,
  type CallBindings,
  canBindTogether,
  fitTogether,
  placesOf,
  type Region,
} from "./bindings.ts";
import { type PlacedCall, withChains } from "./chains.ts";
import type { Device } from "./device.ts";
import { CHAIN } from "./kernels/chain.ts";
import { type GpuKernel, MOST_GROUPS, type Workgroups } from "./kernels/kernel.ts";
import type { Pipelines } from "./pipelines.ts";
import { type Placement, regionOf } from "./placement.ts";

/** Calls of one kernel, ready to be encoded. */
export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: Workgroups;
  readonly kernel: GpuKernel;
  readonly labels: readonly string[];
}

/** The dispatches of a program, in their order. */
export interface Dispatches {
  readonly prelude: readonly Dispatch[];
  readonly main: readonly Dispatch[];
  /** The tables of places, which belong to the program. */
  readonly tables: readonly GPUBuffer[];
}

/** Calls that become one dispatch. */
interface Batch {
  readonly kernel: GpuKernel;
  readonly calls: readonly PlacedCall[];
  /** Whether a table has the places of the arguments: with several calls, and in chains, which are many and alike. */
  readonly hasTable: boolean;
}

/** Compiles a program's kernels and binds their arrays. @throws MemoryError, GpuError */
export async function dispatchesOf(
  program: JoinedProgram<GpuKernel>,
  placement: Placement,
  device: Device,
  pipelines: Pipelines,
): Promise<Dispatches> {
  const groups: PlacedCall[][] = [];
  let start = 0;
  for (const count of program.groups) {
    const calls = program.calls.slice(start, start + count);
    groups.push(
      calls.map(({ args, ...call }) => ({ ...call, regions: args.map((arg) => regionOf(placement, arg)) })),
    );
    start += count;
  }
  // The table of places needs a binding, too.
  const mostBuffers = device.gpu.limits.maxStorageBuffersPerShaderStage - 1;
  const batched = (from: number, to: number) =>
    withChains(groups.slice(from, to), mostBuffers).flatMap((group) => batchesOf(group, mostBuffers));
  const batches = [batched(0, program.preludeGroups), batched(program.preludeGroups, groups.length)];
  const tables = new Tables(device, batches.flat());
  try {
    const [prelude, main] = await Promise.all(
      batches.map((part) => Promise.all(part.map((batch) => dispatchOf(batch, tables, device, pipelines)))),
    );
    await device.allocated();
    return { prelude, main, tables: tables.buffers };
  } catch (error) {
    for (const buffer of tables.buffers) device.destroy(buffer);
    throw error;
  }
}

/** Calls of a group as few dispatches: those whose arrays lie in the same buffers are one. */
function batchesOf(group: readonly PlacedCall[], mostBuffers: number): Batch[] {
  const [{ kernel }] = group;
  const most = Math.floor(MOST_GROUPS / kernel.workgroups[2]);
  const batches: PlacedCall[][] = [];
  for (const call of group) {
    const { regions } = call;
    const canJoin = canBindTogether(regions, kernel.arrays, mostBuffers);
    const batch = batches.find(
      (known) => canJoin && known.length < most && fitTogether(known[0].regions, regions),
    );
    if (batch === undefined) batches.push([call]);
    else batch.push(call);
  }
  const isChain = kernel.family === CHAIN;
  return batches.map((calls) => ({ kernel, calls, hasTable: isChain || calls.length > 1 }));
}

async function dispatchOf(
  batch: Batch,
  tables: Tables,
  device: Device,
  pipelines: Pipelines,
): Promise<Dispatch> {
  const { kernel, calls } = batch;
  const regions = calls.map((call) => call.regions);
  const table = tables.of(batch);
  const bindings =
    table === undefined
      ? bind(regions[0], kernel.arrays, device)
      : bindTogether(regions, kernel.arrays, device);
  const [x, y, z] = kernel.workgroups;
  return {
    ...(await bound(kernel, bindings, table, device, pipelines)),
    workgroups: [x, y, z * calls.length],
    kernel,
    labels: calls.map(({ label }) => label),
  };
}

/** A kernel's pipeline, with its arrays bound. */
export async function bound(
  kernel: GpuKernel,
  bindings: CallBindings,
  table: Region | undefined,
  device: Device,
  pipelines: Pipelines,
): Promise<Pick<Dispatch, "pipeline" | "group">> {
  const pipeline = await pipelines.of(kernel, bindings);
  const regions: readonly Region[] = [...bindings.bindings, ...(table === undefined ? [] : [table])];
  const group = device.gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: regions.map(({ buffer, offset, size }, binding) => ({
      binding,
      resource: { buffer, offset, size },
    })),
  });
  return { pipeline, group };
}

/** The places of the arguments of all batches that have a table, in one buffer. */
class Tables {
  readonly buffers: readonly GPUBuffer[];
  readonly #regions = new Map<Batch, Region>();

  constructor(device: Device, batches: readonly Batch[]) {
    const joint = batches.filter(({ hasTable }) => hasTable);
    const places = joint.map(({ kernel, calls }) =>
      placesOf(
        calls.map(({ regions }) => regions),
        kernel.arrays,
      ),
    );
    const spaces = places.map(
      ({ byteLength }) => Math.ceil(byteLength / device.alignment) * device.alignment,
    );
    const bytes = spaces.reduce((total, space) => total + space, 0);
    this.buffers = bytes === 0 ? [] : [device.newBuffer(bytes, "the places of arrays")];
    let offset = 0;
    for (const [i, batch] of joint.entries()) {
      const region = { buffer: this.buffers[0], offset, size: places[i].byteLength };
      device.write(region, new Int32Array(places[i].buffer));
      this.#regions.set(batch, region);
      offset += spaces[i];
    }
  }

  /** Undefined for a batch that has none. */
  of(batch: Batch): Region | undefined {
    return this.#regions.get(batch);
  }
}
