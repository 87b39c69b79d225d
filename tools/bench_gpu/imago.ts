// Measures Imago on the GPU: its peaks, training and sampling of presets, products and convolutions by size and by tile.

import { prepareSampling, prepareTraining } from "../../src/cli/bench/programs.ts";
import type { Backend, Executable, HostArray, ProgramSpec } from "../../src/engine/backend.ts";
import { Device, findGpu } from "../../src/engine/backends/webgpu/device.ts";
import type { TileName } from "../../src/engine/backends/webgpu/kernels/product/tiles.ts";
import { WebgpuBackend } from "../../src/engine/backends/webgpu/webgpu_backend.ts";
import type { Precision } from "../../src/engine/precision.ts";
import { numel } from "../../src/engine/shape.ts";
import { grad, input } from "../../src/engine/tensor.ts";
import { PRESETS } from "../../src/training/presets.ts";
import { type Line, timesOf } from "../bench_runs.ts";
import type { Parts } from "./parts.ts";
import type { Convolution, Plan, StepsCase } from "./plan.ts";

/** How many steps there shall be, and whether there is time for them. */
interface Clock {
  readonly plan: Plan;
  readonly parts: Parts;
}

/** @param tiles by which products and convolutions are measured once more */
export async function measureImago(plan: Plan, parts: Parts, tiles: readonly TileName[]): Promise<void> {
  const part = (name: string, sizes: Line, work: () => Promise<Line>) =>
    parts.do({ part: name, library: "imago", ...sizes }, work);
  const operations = async (backend: Backend, by: string): Promise<void> => {
    for (const size of plan.products) {
      await part(`product${by}`, { size }, () => product(backend, plan, size));
    }
    for (const { image, co } of plan.convolutions) {
      await part(`convolution${by}`, { image, co }, () => convolution(backend, plan, { image, co }));
    }
  };
  const clock: Clock = { plan, parts };
  const backend = await open();
  await part("device", {}, async () => deviceLine(backend.device));
  await part("peaks", {}, async () => ({
    gflops: (await backend.measurePeak()).map((rate) => rate / 1e9),
    gbytes_per_second: (await backend.measureBandwidth()).map((rate) => rate / 1e9),
  }));
  const models = plan.presets.flatMap((one) =>
    plan.precisions.map((precision) => ({ name: { ...nameOf(one), precision }, one, precision })),
  );
  for (const { name, one, precision } of models) {
    await part("training", name, () => training(backend, clock, one, precision));
  }
  await operations(backend, "");
  for (const { name, one, precision } of models) {
    await part("sampling", name, () => steps(prepareSampling, backend, clock, one, precision));
  }
  await backend.close();
  for (const tile of tiles) {
    const own = await open(tile);
    await operations(own, ` by tile ${tile}`);
    await own.close();
  }
}

const nameOf = ({ preset, batchSize }: StepsCase): Line => ({ preset, batch_size: batchSize });

/** A backend with one tile of products, or with those that it would choose. */
const open = async (tile?: TileName): Promise<WebgpuBackend> =>
  WebgpuBackend.open(
    await Device.open(await findGpu()),
    tile === undefined ? {} : { speeds: { [tile]: { together: 1, alone: 1 } }, sharesTokens: true },
  );

function deviceLine(device: Device): Line {
  const { limits, features } = device.gpu;
  return {
    name: device.name,
    software: device.isSoftware,
    features: [...features],
    most_buffer_bytes: device.mostBytes,
    workgroup_bytes: limits.maxComputeWorkgroupStorageSize,
    invocations: limits.maxComputeInvocationsPerWorkgroup,
    buffers: limits.maxStorageBuffersPerShaderStage,
  };
}

const feedsOf = ({ inputs }: ProgramSpec): HostArray[] =>
  inputs.map(({ shape }) =>
    Float32Array.from({ length: numel(shape) }, (_, i) => Math.fround(((i * 37) % 101) / 101 - 0.5)),
  );

/** Seconds of each kind of kernel of a program, medians; or of whole runs, as "all". */
async function kernelSeconds(
  backend: Backend,
  runs: number,
  program: ProgramSpec,
): Promise<Record<string, number>> {
  const executable = await backend.compile(program);
  try {
    const feeds = feedsOf(program);
    const times: Record<string, number[]> = {};
    for (let i = 0; i < runs; i++) {
      const begin = performance.now();
      const timings = await executable.profile(feeds);
      const whole = { family: "all", seconds: (performance.now() - begin) / 1000 };
      const sums: Record<string, number> = {};
      for (const { family, seconds } of timings.length > 0 ? timings : [whole]) {
        sums[family] = (sums[family] ?? 0) + seconds;
      }
      for (const [family, seconds] of Object.entries(sums))
        times[family] = [...(times[family] ?? []), seconds];
    }
    return Object.fromEntries(
      Object.entries(times).map(([family, seconds]) => [family, timesOf(seconds).median]),
    );
  } finally {
    executable.dispose();
  }
}

const speeds = (seconds: Readonly<Record<string, number>>, flops: number) =>
  Object.fromEntries(
    Object.entries(seconds).map(([family, time]) => [family, { seconds: time, gflops: flops / time / 1e9 }]),
  );

/** A product of square matrices. */
async function product(backend: Backend, { runs }: Plan, size: number): Promise<Line> {
  const [a, b] = [input([size, size]), input([size, size])];
  const program = { name: "product", inputs: [a, b], outputs: [a.matmul(b)] };
  return speeds(await kernelSeconds(backend, runs, program), 2 * size ** 3);
}

/** A convolution and both of its gradients. */
async function convolution(backend: Backend, { runs }: Plan, { image, co }: Convolution): Promise<Line> {
  const [n, h, w, ci] = image;
  const [x, filter, weight] = [input(image), input([3, 3, ci, co]), input([n, h, w, co])];
  const y = x.conv2d(filter, { stride: [1, 1], padding: [1, 1, 1, 1] });
  const gradients = grad(y.mul(weight).sum(), [x, filter]);
  const program = { name: "convolution", inputs: [x, filter, weight], outputs: [y, ...gradients] };
  const seconds = await kernelSeconds(backend, runs, program);
  return speeds(seconds, 2 * n * h * w * 9 * ci * co);
}

/** Seconds of steps that follow one another; their results are read, as in training. */
async function stepSeconds(
  executable: Executable,
  feeds: readonly HostArray[],
  { plan, parts }: Clock,
): Promise<number[]> {
  const seconds: number[] = [];
  for (let i = 0; i < plan.steps && (i < plan.leastSteps || !parts.isOver); i++) {
    const begin = performance.now();
    await executable.run(feeds);
    seconds.push((performance.now() - begin) / 1000);
  }
  return seconds;
}

async function training(backend: Backend, clock: Clock, one: StepsCase, precision: Precision): Promise<Line> {
  const { optimizer } = PRESETS[one.preset].settings;
  return { ...(await steps(prepareTraining, backend, clock, one, precision)), optimizer };
}

async function steps(
  prepare: typeof prepareTraining,
  backend: Backend,
  clock: Clock,
  { preset, batchSize }: StepsCase,
  precision: Precision,
): Promise<Line> {
  const { executable, feeds, start } = await prepare(backend, preset, batchSize, precision);
  try {
    const { median, fastest, slowest } = timesOf(await stepSeconds(executable, feeds, clock));
    const { flops, arenaBytes, kernels } = executable.stats;
    return {
      images_per_second: batchSize / median,
      seconds: { median, fastest, slowest },
      gflops: flops / median / 1e9,
      dispatches: kernels,
      arena_bytes: arenaBytes,
      start: Object.fromEntries(start),
    };
  } finally {
    executable.dispose();
  }
}
