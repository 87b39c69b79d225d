// imago bench: how fast this machine trains, samples and computes single operations, and what memory that takes.

import type { Backend, Executable, HostArray, KernelTiming } from "../engine/backend.ts";
import { WasmBackend } from "../engine/backends/cpu/wasm_backend.ts";
import { type BackendName, createBackend } from "../engine/backends/create.ts";
import { TorchGenerator } from "../engine/random/torch_generator.ts";
import { UNet2DModel } from "../models/unet_2d_model.ts";
import { compileDenoiser } from "../pipelines/unet_denoiser.ts";
import { DDPMScheduler } from "../schedulers/index.ts";
import { PRESETS, type PresetName } from "../training/presets.ts";
import { checkStep, compileTrainStep, startState } from "../training/start.ts";
import type { TrainStepOptions } from "../training/train_step.ts";
import { benchOps } from "./bench_ops.ts";
import { checking } from "./errors.ts";
import { createOutput, type Output } from "./output.ts";
import { bytes } from "./wording.ts";

export const BENCHES = ["train", "sample", "ops"] as const;
export type BenchName = (typeof BENCHES)[number];

export interface BenchFlags {
  readonly preset: PresetName;
  readonly batchSize?: number;
  readonly repeat: number;
  readonly threads?: number;
  readonly backend?: BackendName;
  readonly json?: boolean;
}

/** Denoising steps of one image, for images a second of sampling. */
const SAMPLE_STEPS = 50;

export async function bench(what: BenchName, flags: BenchFlags): Promise<void> {
  const output = createOutput(flags.json === true);
  const { threads, backend: name = "wasm" } = flags;
  const backend = await checking(() =>
    createBackend({ backend: name, ...(threads !== undefined && { threads }) }),
  );
  try {
    const peak = await measurePeak(backend);
    if (what === "ops") await benchOps(backend, { ...flags, peak }, output);
    else await benchModel(what, backend, flags, peak, output);
  } finally {
    await backend.close();
  }
}

async function benchModel(
  what: "train" | "sample",
  backend: Backend,
  flags: BenchFlags,
  peak: number | undefined,
  output: Output,
): Promise<void> {
  const { preset, repeat } = flags;
  const batchSize = flags.batchSize ?? PRESETS[preset].settings.batchSize;
  output.begin(`compiling ${preset}, batch ${batchSize}`);
  const compileStart = performance.now();
  const { executable, feeds } = await checking(() => compile(what, backend, preset, batchSize));
  const compileSeconds = (performance.now() - compileStart) / 1000;
  output.clear();
  const seconds = await medianSeconds(executable, feeds, repeat, output);
  const families = byFamily(await executable.profile(feeds));
  const passes = what === "train" ? 1 : SAMPLE_STEPS;
  const imagesPerSecond = batchSize / (seconds * passes);
  const { flops, arenaBytes, kernels } = executable.stats;
  const plannedBytes = plannedMemory(backend);
  const residentBytes = process.memoryUsage.rss();
  const gflops = flops / seconds / 1e9;
  output.event({
    event: "bench",
    what,
    preset,
    batch_size: batchSize,
    seconds_per_step: seconds,
    images_per_second: imagesPerSecond,
    ...(what === "sample" && { steps: SAMPLE_STEPS }),
    gflops,
    peak_gflops: peak ?? null,
    kernels,
    compile_seconds: compileSeconds,
    arena_bytes: arenaBytes,
    planned_bytes: plannedBytes ?? null,
    resident_bytes: residentBytes,
    families,
  });
  const unit =
    what === "train"
      ? "images/s"
      : `images/s of ${SAMPLE_STEPS} steps (one step: ${(batchSize / seconds).toFixed(1)})`;
  output.line(
    `${what} ${preset}, batch ${batchSize}: ${imagesPerSecond.toFixed(2)} ${unit}, ${(seconds * 1000).toFixed(1)} ms a step (median of ${repeat})`,
  );
  output.line(
    `${gflops.toFixed(1)} GFLOP/s${peak === undefined ? "" : ` of ${peak.toFixed(1)} that the machine's SIMD reaches (${percent(gflops / peak)})`}; ${kernels} kernels, compiled in ${compileSeconds.toFixed(1)} s`,
  );
  output.line(
    `memory: ${bytes(arenaBytes)} of intermediate results${plannedBytes === undefined ? "" : `, ${bytes(plannedBytes)} planned in all`}; the process has ${bytes(residentBytes)}`,
  );
  for (const line of familyTable(families)) output.line(line);
}

async function compile(
  what: "train" | "sample",
  backend: Backend,
  preset: PresetName,
  batchSize: number,
): Promise<{ executable: Executable; feeds: HostArray[] }> {
  const { model: options, scheduler: recipe, size, settings } = PRESETS[preset];
  const model = new UNet2DModel({ ...options, sampleSize: size }).initialize(new TorchGenerator(0));
  const channels = model.config.inChannels;
  const images = () => new TorchGenerator(1).randn(batchSize * size * size * channels);
  if (what === "sample") {
    model.upload(backend);
    const { executable } = await compileDenoiser(backend, model, [batchSize, size, size, channels]);
    return { executable, feeds: [images(), new Float32Array(batchSize).fill(500)] };
  }
  const scheduler = new DDPMScheduler(recipe);
  const { adamBeta1, adamBeta2, adamEpsilon, adamWeightDecay } = settings;
  const step: TrainStepOptions = {
    model,
    alphasCumprod: scheduler.alphasCumprod,
    predictionType: scheduler.config.predictionType,
    batchSize,
    height: size,
    width: size,
    adamw: { beta1: adamBeta1, beta2: adamBeta2, eps: adamEpsilon, weightDecay: adamWeightDecay },
    maxGradNorm: settings.maxGradNorm,
    ema: settings.emaMaxDecay !== null,
    minSnrGamma: settings.minSnrGamma,
    draws: "philox",
  };
  checkStep(backend, step);
  const trainStep = startState(step);
  const executable = await compileTrainStep(backend, model, trainStep);
  const feeds = trainStep.feeds({
    images: images(),
    key: Int32Array.of(0, 0, 0),
    step: 0,
    learningRate: settings.learningRate,
    emaDecay: 0.9,
  });
  return { executable, feeds };
}

/** Seconds of one run, after one that warms up. */
async function medianSeconds(
  executable: Executable,
  feeds: readonly HostArray[],
  repeat: number,
  output: Output,
): Promise<number> {
  await executable.run(feeds);
  const times: number[] = [];
  for (let i = 0; i < repeat; i++) {
    output.status({ share: i / repeat, parts: [`timing step ${i + 1} of ${repeat}`] });
    const start = performance.now();
    await executable.run(feeds);
    times.push((performance.now() - start) / 1000);
  }
  output.clear();
  return times.sort((a, b) => a - b)[Math.floor(repeat / 2)];
}

/** Kernels of one kind: their share of the time and their speed. */
interface FamilyTime {
  readonly family: string;
  readonly kernels: number;
  readonly seconds: number;
  readonly share: number;
  readonly gflops: number;
}

function byFamily(timings: readonly KernelTiming[]): FamilyTime[] {
  const total = timings.reduce((sum, { seconds }) => sum + seconds, 0);
  const families = [...new Set(timings.map(({ family }) => family))].map((family) => {
    const members = timings.filter((timing) => timing.family === family);
    const seconds = members.reduce((sum, timing) => sum + timing.seconds, 0);
    const flops = members.reduce((sum, timing) => sum + timing.flops, 0);
    return {
      family,
      kernels: members.length,
      seconds,
      share: seconds / total,
      gflops: flops / seconds / 1e9,
    };
  });
  return families.sort((a, b) => b.seconds - a.seconds);
}

function familyTable(families: readonly FamilyTime[]): string[] {
  if (families.length === 0) return [];
  const row = (family: string, ...cells: string[]) =>
    `  ${family.padEnd(22)}${cells.map((cell) => cell.padStart(11)).join("")}`;
  return [
    row("kernels", "count", "ms", "share", "GFLOP/s"),
    ...families.map(({ family, kernels, seconds, share, gflops }) =>
      row(family, String(kernels), (seconds * 1000).toFixed(1), percent(share), gflops.toFixed(1)),
    ),
  ];
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** GFLOP/s that the machine's SIMD reaches in a loop of nothing but multiply-adds, where a backend can tell. */
async function measurePeak(backend: Backend): Promise<number | undefined> {
  return backend instanceof WasmBackend ? (await backend.measurePeak()) / 1e9 : undefined;
}

/** Bytes that a backend has laid out for variables and programs, where it can tell. */
function plannedMemory(backend: Backend): number | undefined {
  return backend instanceof WasmBackend ? backend.usedBytes : undefined;
}
