// imago bench ops: single operations with the shapes of a preset's UNet, one program each.

import type { Backend, KernelTiming } from "../../engine/backend.ts";
import { TorchGenerator } from "../../engine/random/torch_generator.ts";
import { numel } from "../../engine/shape.ts";
import { PRESETS, type PresetName } from "../../training/presets.ts";
import type { Output } from "../output.ts";
import { fastestGflops, median, medianProfile, type Speed, speedOf, type TimedKernel } from "./groups.ts";
import { describePeaks, measurePeaks, peakFields, raisedTo } from "./machine.ts";
import { type OpProgram, opCases } from "./op_cases.ts";
import { PEAK_NOTE, SPEED_HEADER, speedCells, table } from "./table.ts";

export interface BenchOpsOptions {
  readonly preset: PresetName;
  readonly batchSize?: number;
  readonly repeat: number;
  /** Number of different products. */
  readonly top: number;
}

export async function benchOps(
  backend: Backend,
  { preset, batchSize: given, repeat, top }: BenchOpsOptions,
  output: Output,
): Promise<void> {
  const batchSize = given ?? PRESETS[preset].settings.batchSize;
  const { cases, products } = opCases(preset, batchSize, top);
  const timed = [];
  for (const [i, { name, calls, programs }] of cases.entries()) {
    for (const [j, program] of programs.entries()) {
      output.status({ share: i / cases.length, parts: [`timing ${name}`] });
      timed.push({
        name,
        calls,
        part: program.part,
        isFirst: j === 0,
        ...(await timeOp(backend, program, repeat)),
      });
    }
  }
  output.begin("measuring the machine");
  const all = timed.flatMap(({ timings }) => timings);
  const peaks = raisedTo(fastestGflops(all), await measurePeaks(backend));
  output.clear();

  const rows = [[`operations of ${preset}, batch ${batchSize}`, "uses", ...SPEED_HEADER]];
  for (const { name, calls, part, isFirst, timings, walls } of timed) {
    const speed = timings.length > 0 ? speedOf(timings, peaks) : unknownSpeed(walls);
    output.event({
      event: "op",
      name: part === "" ? name : `${name}, ${part}`,
      ...(calls !== undefined && { calls }),
      seconds: speed.seconds,
      fastest_seconds: speed.fastestSeconds,
      slowest_seconds: speed.slowestSeconds,
      gflops: speed.gflops,
      gbytes_per_second: speed.gbytesPerSecond,
      ...peakFields(peaks),
      peak_share: speed.peakShare,
      bound: speed.bound,
    });
    rows.push([
      isFirst ? name : `  ${part}`,
      isFirst && calls !== undefined ? String(calls) : "",
      ...speedCells(speed),
    ]);
  }
  for (const line of table(rows)) output.line(line);
  if (products > top) output.line(`${products - top} smaller products: --top ${products} shows them`);
  const machine = describePeaks(peaks);
  if (machine !== undefined) for (const line of ["", `${machine}. ${PEAK_NOTE}`]) output.line(line);
}

interface TimedOp {
  /** Times inside kernels, without copying arrays in and out, which a UNet does not do either. */
  readonly timings: readonly TimedKernel[];
  /** Seconds of whole runs, for a backend without kernels. */
  readonly walls: readonly number[];
}

async function timeOp(
  backend: Backend,
  { part, program, prepare }: OpProgram,
  repeat: number,
): Promise<TimedOp> {
  prepare?.(backend);
  const executable = await backend.compile({ ...program, name: part });
  const generator = new TorchGenerator(0);
  const feeds = program.inputs.map(({ shape }) => generator.randn(numel(shape)));
  await executable.run(feeds);
  const profiles: (readonly KernelTiming[])[] = [];
  const walls: number[] = [];
  for (let i = 0; i < repeat; i++) {
    const start = performance.now();
    profiles.push(await executable.profile(feeds));
    walls.push((performance.now() - start) / 1000);
  }
  executable.dispose();
  return { timings: medianProfile(profiles), walls };
}

/** For runs without operation and byte counts. */
function unknownSpeed(walls: readonly number[]): Speed {
  return {
    seconds: median(walls),
    fastestSeconds: Math.min(...walls),
    slowestSeconds: Math.max(...walls),
    gflops: null,
    gbytesPerSecond: null,
    peakShare: null,
    bound: null,
  };
}
