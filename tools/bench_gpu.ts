// Measures Imago on a GPU, in one run: the device and its peaks, matrix products and convolutions by size and by tile, and
// training and sampling of presets. Prints a line of JSON for each, as soon as it is known, and ends in time.
//
//   npm run bench:gpu                                 # within eight minutes
//   npm run bench:gpu -- --dry                        # small sizes, for a GPU in software
//
// Times of operations are the device's own (or, where it has none, those of whole runs); those of steps are of whole
// runs, with what the processor does between them.

import { parseArgs } from "node:util";
import { prepareSampling, prepareTraining } from "../src/cli/bench/programs.ts";
import type { Backend, Executable, HostArray, ProgramSpec } from "../src/engine/backend.ts";
import { Device, findGpu } from "../src/engine/backends/webgpu/device.ts";
import { GPU_TILES, type TileName } from "../src/engine/backends/webgpu/kernels/product/tiles.ts";
import { WebgpuBackend } from "../src/engine/backends/webgpu/webgpu_backend.ts";
import { numel } from "../src/engine/shape.ts";
import { grad, input } from "../src/engine/tensor.ts";
import { PRESETS, type PresetName } from "../src/training/presets.ts";
import { count, timesOf } from "./bench_runs.ts";

interface Plan {
  /** Runs of an operation, and steps of a preset, that are timed: at most, and at least even if time is short. */
  readonly runs: number;
  readonly steps: number;
  readonly leastSteps: number;
  readonly products: readonly number[];
  /** [N, H, W, Ci] and Co of convolutions of 3 x 3. */
  readonly convolutions: readonly {
    readonly image: readonly [number, number, number, number];
    readonly co: number;
  }[];
  readonly presets: readonly { readonly preset: PresetName; readonly batchSize: number }[];
}

const WHOLE: Plan = {
  runs: 7,
  steps: 10,
  leastSteps: 3,
  products: [256, 1024, 4096],
  convolutions: [
    { image: [16, 32, 32, 128], co: 128 },
    { image: [16, 16, 16, 256], co: 256 },
    { image: [4, 128, 128, 128], co: 128 },
  ],
  presets: (["quick", "butterflies32", "butterflies128"] as const).map((preset) => ({
    preset,
    batchSize: PRESETS[preset].settings.batchSize,
  })),
};
const DRY: Plan = {
  runs: 2,
  steps: 1,
  leastSteps: 1,
  products: [64],
  convolutions: [{ image: [1, 8, 8, 8], co: 8 }],
  presets: [{ preset: "quick32", batchSize: 1 }],
};

const { values: given } = parseArgs({
  options: { dry: { type: "boolean", default: false }, seconds: { type: "string", default: "480" } },
});
const plan = given.dry ? DRY : WHOLE;
const end = performance.now() + 1000 * count("--seconds", given.seconds);

const tell = (line: Readonly<Record<string, unknown>>): void => console.log(JSON.stringify(line));

/** Does a part of the work, unless the time is over; an error ends this part only. */
async function part(name: string, work: () => Promise<Readonly<Record<string, unknown>>>): Promise<void> {
  if (performance.now() > end) return tell({ part: name, skipped: "no time left" });
  try {
    tell({ part: name, ...(await work()) });
  } catch (error) {
    tell({ part: name, error: error instanceof Error ? error.message : String(error) });
  }
}

const feedsOf = ({ inputs }: ProgramSpec): HostArray[] =>
  inputs.map(({ shape }) =>
    Float32Array.from({ length: numel(shape) }, (_, i) => Math.fround(((i * 37) % 101) / 101 - 0.5)),
  );

/** Seconds of each kind of kernel of a program, medians; or of whole runs, as "all". */
async function kernelSeconds(backend: Backend, program: ProgramSpec): Promise<Record<string, number>> {
  const executable = await backend.compile(program);
  try {
    const feeds = feedsOf(program);
    const runs: Record<string, number[]> = {};
    for (let i = 0; i < plan.runs; i++) {
      const begin = performance.now();
      const timings = await executable.profile(feeds);
      const whole = { family: "all", seconds: (performance.now() - begin) / 1000 };
      const sums: Record<string, number> = {};
      for (const { family, seconds } of timings.length > 0 ? timings : [whole]) {
        sums[family] = (sums[family] ?? 0) + seconds;
      }
      for (const [family, seconds] of Object.entries(sums)) runs[family] = [...(runs[family] ?? []), seconds];
    }
    return Object.fromEntries(
      Object.entries(runs).map(([family, seconds]) => [family, timesOf(seconds).median]),
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
async function product(backend: Backend, size: number): Promise<Record<string, unknown>> {
  const [a, b] = [input([size, size]), input([size, size])];
  const seconds = await kernelSeconds(backend, { name: "product", inputs: [a, b], outputs: [a.matmul(b)] });
  return { size, ...speeds(seconds, 2 * size ** 3) };
}

/** A convolution and both of its gradients. */
async function convolution(
  backend: Backend,
  { image, co }: Plan["convolutions"][number],
): Promise<Record<string, unknown>> {
  const [n, h, w, ci] = image;
  const [x, filter, weight] = [input(image), input([3, 3, ci, co]), input([n, h, w, co])];
  const y = x.conv2d(filter, { stride: [1, 1], padding: [1, 1, 1, 1] });
  const gradients = grad(y.mul(weight).sum(), [x, filter]);
  const program = { name: "convolution", inputs: [x, filter, weight], outputs: [y, ...gradients] };
  return { image, co, ...speeds(await kernelSeconds(backend, program), 2 * n * h * w * 9 * ci * co) };
}

/** Seconds of steps that follow one another; their results are read, as in training. */
async function stepSeconds(executable: Executable, feeds: readonly HostArray[]): Promise<number[]> {
  const seconds: number[] = [];
  for (let i = 0; i < plan.steps && (i < plan.leastSteps || performance.now() < end); i++) {
    const begin = performance.now();
    await executable.run(feeds);
    seconds.push((performance.now() - begin) / 1000);
  }
  return seconds;
}

async function steps(
  prepare: typeof prepareTraining,
  backend: Backend,
  { preset, batchSize }: Plan["presets"][number],
): Promise<Record<string, unknown>> {
  const { executable, feeds, start } = await prepare(backend, preset, batchSize);
  try {
    const { median, fastest, slowest } = timesOf(await stepSeconds(executable, feeds));
    const { flops, arenaBytes, kernels } = executable.stats;
    return {
      preset,
      batch_size: batchSize,
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

/** A backend with one tile of products, or with those that it would choose. */
const open = async (tile?: TileName): Promise<WebgpuBackend> =>
  WebgpuBackend.open(
    await Device.open(await findGpu()),
    tile === undefined ? {} : { speeds: { [tile]: { together: 1, alone: 1 } }, sharesTokens: true },
  );

const backend = await open();
await part("device", async () => {
  const { limits, features } = backend.device.gpu;
  return {
    name: backend.device.name,
    software: backend.device.isSoftware,
    features: [...features],
    most_buffer_bytes: backend.device.mostBytes,
    workgroup_bytes: limits.maxComputeWorkgroupStorageSize,
    invocations: limits.maxComputeInvocationsPerWorkgroup,
    buffers: limits.maxStorageBuffersPerShaderStage,
  };
});
await part("peaks", async () => ({
  gflops: (await backend.measurePeak()).map((rate) => rate / 1e9),
  gbytes_per_second: (await backend.measureBandwidth()).map((rate) => rate / 1e9),
}));
for (const one of plan.presets) await part("training", () => steps(prepareTraining, backend, one));
for (const size of plan.products) await part("product", () => product(backend, size));
for (const one of plan.convolutions) await part("convolution", () => convolution(backend, one));
for (const one of plan.presets) await part("sampling", () => steps(prepareSampling, backend, one));
await backend.close();
for (const tile of given.dry ? (["tiny"] as const) : GPU_TILES) {
  const own = await open(tile);
  for (const size of plan.products) await part(`product by tile ${tile}`, () => product(own, size));
  for (const one of plan.convolutions) await part(`convolution by tile ${tile}`, () => convolution(own, one));
  await own.close();
}
