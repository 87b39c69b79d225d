// imago bench train and imago bench sample: whole steps of a preset's UNet, and the time of each kind of kernel.

import type { Backend } from "../../engine/backend.ts";
import { DEFAULT_PRECISION, type Precision } from "../../engine/precision.ts";
import { PRESETS, type PresetName } from "../../training/presets.ts";
import { checking } from "../errors.ts";
import type { Output } from "../output.ts";
import { bytes, counted } from "../wording.ts";
import { fastestGflops, groupKernels, type KernelGroup, median, medianProfile } from "./groups.ts";
import {
  describePeaks,
  type MemoryUse,
  measurePeaks,
  memoryUse,
  peakFields,
  raisedTo,
  threadCount,
} from "./machine.ts";
import { type BenchProgram, prepareSampling, prepareTraining, type StartPart } from "./programs.ts";
import { groupTable, kernelName, milliseconds, PEAK_NOTE, percent } from "./table.ts";

export interface BenchModelOptions {
  readonly preset: PresetName;
  readonly batchSize?: number;
  readonly precision?: Precision;
  /** Number of timed steps. */
  readonly repeat: number;
  /** Number of rows in the kernel table. */
  readonly top: number;
}

/** Denoising steps per image, for images per second of sampling. */
const SAMPLE_STEPS = 50;
/** Warm-up before steps are timed. */
const WARM_UP_MILLISECONDS = 2000;
/** Largest number of profiled steps: enough for a median. */
const PROFILES = 3;

export async function benchModel(
  what: "train" | "sample",
  backend: Backend,
  { preset, batchSize: given, precision, repeat, top }: BenchModelOptions,
  output: Output,
): Promise<void> {
  const batchSize = given ?? PRESETS[preset].settings.batchSize;
  output.begin(`compiling ${preset}, batch ${batchSize}`);
  const prepare = what === "train" ? prepareTraining : prepareSampling;
  const program = await checking(() => prepare(backend, preset, batchSize, precision));
  const { executable, start } = program;
  await warmUp(program, output);
  const times = await timeSteps(program, repeat, output);
  const timings = await profile(program, Math.min(repeat, PROFILES), output);
  const memory = memoryUse(backend);
  // The memory measurement needs memory itself, so it runs last, after the program is freed.
  executable.dispose();
  const peaks = raisedTo(fastestGflops(timings), await measurePeaks(backend));
  output.clear();

  const seconds = median(times);
  const [fastest, slowest] = [Math.min(...times), Math.max(...times)];
  const { flops, arenaBytes, kernels } = executable.stats;
  const gflops = flops / seconds / 1e9;
  const imagesOf = (step: number) => batchSize / (step * (what === "train" ? 1 : SAMPLE_STEPS));
  const imagesPerSecond = imagesOf(seconds);
  const families = groupKernels(timings, ({ family }) => family, peaks);
  const byLabel = groupKernels(timings, ({ family, label }) => `${family} ${label}`, peaks);
  const dearest = byLabel.slice(0, top);
  const threads = threadCount(backend);
  output.event({
    event: "bench",
    what,
    preset,
    batch_size: batchSize,
    precision: precision ?? DEFAULT_PRECISION,
    threads,
    seconds_per_step: seconds,
    fastest_seconds: fastest,
    slowest_seconds: slowest,
    step_seconds: times,
    images_per_second: imagesPerSecond,
    ...(what === "sample" && { steps: SAMPLE_STEPS }),
    gflops,
    ...peakFields(peaks),
    kernels,
    ...Object.fromEntries([...start].map(([part, seconds]) => [`${part}_seconds`, seconds])),
    arena_bytes: arenaBytes,
    planned_bytes: memory.plannedBytes,
    resident_bytes: memory.residentBytes,
    peak_resident_bytes: memory.peakResidentBytes,
    families: families.map((group) => ({
      family: group.family,
      kernels: group.calls,
      ...speedFields(group),
    })),
    top_kernels: dearest.map((group) => ({
      family: group.family,
      label: group.label,
      calls: group.calls,
      ...speedFields(group),
    })),
  });

  const on = threads === null ? "" : `, ${counted(threads, "thread")}`;
  const unit =
    what === "train"
      ? "images/s"
      : `images/s of ${SAMPLE_STEPS} steps (one step: ${(batchSize / seconds).toFixed(1)})`;
  output.line(
    `${what} ${preset}, batch ${batchSize}${on}: ${imagesPerSecond.toFixed(2)} ${unit}, from ${imagesOf(slowest).toFixed(2)} to ${imagesOf(fastest).toFixed(2)}`,
  );
  output.line(
    `${milliseconds(seconds)} ms a step: median of ${repeat}, from ${milliseconds(fastest)} to ${milliseconds(slowest)}`,
  );
  const machine = describePeaks(peaks);
  if (flops > 0) {
    const ofPeak = peaks.gflops === null ? "" : `, ${percent(gflops / peaks.gflops)} of the peak`;
    output.line(`${gflops.toFixed(1)} GFLOP/s${ofPeak}${machine === undefined ? "" : `: ${machine}`}`);
  }
  output.line(describeStart(start));
  output.line(describeMemory(arenaBytes, memory));
  if (families.length === 0) return;
  const show = (lines: readonly string[]) => {
    for (const line of ["", ...lines]) output.line(line);
  };
  show(groupTable("kernels", families, ({ family }) => family));
  if (dearest.length > 0) {
    const heading = `the most expensive ${dearest.length} of ${byLabel.length}`;
    show(groupTable(heading, dearest, kernelName));
  }
  show([PEAK_NOTE]);
}

/** The runtime recompiles kernels with more optimisation while they run. */
async function warmUp({ executable, feeds }: BenchProgram, output: Output): Promise<void> {
  output.begin("warming up");
  const start = performance.now();
  while (performance.now() - start < WARM_UP_MILLISECONDS) await executable.run(feeds);
}

/** Seconds of each of `repeat` runs. */
async function timeSteps(
  { executable, feeds }: BenchProgram,
  repeat: number,
  output: Output,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < repeat; i++) {
    output.status({ share: i / repeat, parts: [`timing step ${i + 1} of ${repeat}`] });
    const start = performance.now();
    await executable.run(feeds);
    times.push((performance.now() - start) / 1000);
  }
  return times;
}

async function profile({ executable, feeds }: BenchProgram, runs: number, output: Output) {
  output.begin("timing each kernel");
  const profiles = [];
  for (let run = 0; run < runs; run++) profiles.push(await executable.profile(feeds));
  return medianProfile(profiles);
}

const speedFields = (group: KernelGroup) => ({
  seconds: group.seconds,
  fastest_seconds: group.fastestSeconds,
  slowest_seconds: group.slowestSeconds,
  share: group.share,
  gflops: group.gflops,
  gbytes_per_second: group.gbytesPerSecond,
  peak_share: group.peakShare,
  bound: group.bound,
});

const START_WORDS: Readonly<Record<StartPart, string>> = {
  weights: "weights",
  trace: "trace",
  compile: "compile",
  first_step: "first step",
};

/** "start-up 3.90 s: weights 0.30, trace 0.20, compile 1.40, first step 2.00". */
function describeStart(start: BenchProgram["start"]): string {
  const total = [...start.values()].reduce((sum, seconds) => sum + seconds, 0);
  const parts = [...start].map(([part, seconds]) => `${START_WORDS[part]} ${seconds.toFixed(2)}`);
  return `start-up ${total.toFixed(2)} s: ${parts.join(", ")}`;
}

function describeMemory(
  arenaBytes: number,
  { plannedBytes, residentBytes, peakResidentBytes }: MemoryUse,
): string {
  const planned = plannedBytes === null ? "" : `, ${bytes(plannedBytes)} planned in all`;
  return `memory: ${bytes(arenaBytes)} of intermediate results${planned}; the process has ${bytes(residentBytes)}, at most ${bytes(peakResidentBytes)}`;
}
