// imago bench ops: single operations of the shapes that a preset's UNet has, one program each.

import type { Backend, KernelTiming } from "../engine/backend.ts";
import { TorchGenerator } from "../engine/random/torch_generator.ts";
import { numel } from "../engine/shape.ts";
import { PRESETS, type PresetName } from "../training/presets.ts";
import { median, medianProfile, type Speed, speedOf } from "./bench_groups.ts";
import { describePeaks, measurePeaks, type Peaks } from "./bench_machine.ts";
import { type OpProgram, opCases } from "./bench_op_cases.ts";
import { milliseconds, PEAK_NOTE, SPEED_HEADER, speedCells, table } from "./bench_table.ts";
import type { Output } from "./output.ts";

export interface BenchOpsOptions {
  readonly preset: PresetName;
  readonly batchSize?: number;
  readonly repeat: number;
  /** How many different products. */
  readonly top: number;
}

export async function benchOps(
  backend: Backend,
  { preset, batchSize: given, repeat, top }: BenchOpsOptions,
  output: Output,
): Promise<void> {
  const batchSize = given ?? PRESETS[preset].settings.batchSize;
  output.begin("measuring the machine");
  const peaks = await measurePeaks(backend);
  const { cases, products } = opCases(preset, batchSize, top);
  const rows = [[`operations of ${preset}, batch ${batchSize}`, "uses", "ms", ...SPEED_HEADER]];
  for (const [i, { name, calls, programs }] of cases.entries()) {
    for (const [j, program] of programs.entries()) {
      const { part } = program;
      output.status({ share: i / cases.length, parts: [`timing ${name}`] });
      const speed = await timeOp(backend, program, repeat, peaks);
      output.event({
        event: "op",
        name: part === "" ? name : `${name}, ${part}`,
        ...(calls !== undefined && { calls }),
        seconds: speed.seconds,
        gflops: speed.gflops,
        peak_gflops: peaks.gflops,
        gbytes_per_second: speed.gbytesPerSecond,
        peak_gbytes_per_second: peaks.gbytesPerSecond,
        peak_share: speed.peakShare,
        bound: speed.bound,
      });
      rows.push([
        j === 0 ? name : `  ${part}`,
        j === 0 && calls !== undefined ? String(calls) : "",
        milliseconds(speed.seconds),
        ...speedCells(speed),
      ]);
    }
  }
  output.clear();
  for (const line of table(rows)) output.line(line);
  if (products > top) output.line(`${products - top} smaller products: --top ${products} shows them`);
  const machine = describePeaks(peaks);
  if (machine !== undefined) for (const line of ["", `${machine}. ${PEAK_NOTE}`]) output.line(line);
}

/** The median time inside kernels, which leaves out copying arrays in and out: in a UNet nothing is copied. */
async function timeOp(
  backend: Backend,
  { part, program, prepare }: OpProgram,
  repeat: number,
  peaks: Peaks,
): Promise<Speed> {
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
  const speed = speedOf(medianProfile(profiles), peaks);
  return speed.seconds === 0 ? { ...speed, seconds: median(walls) } : speed;
}
