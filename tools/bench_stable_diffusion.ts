// Draws with Stable Diffusion in its full size, with random weights, in turn with diffusers on PyTorch, and prints a table:
// seconds to load the folder, of the first step and the others, and from the last step to the picture; the peak memory of
// each process.
//
//   npm run bench:stable-diffusion -- --python .venv/bin/python
//   npm run bench:stable-diffusion -- --python .venv/bin/python --model xl --variants fp32 --rounds 1 --steps 2
//   npm run bench:stable-diffusion -- --python .venv/bin/python --where
//
// The folder (2 GB, of XL 7 GB) is made by tools/python/bench_stable_diffusion.py where there is none, in 16 bits. A cell is
// the median of all rounds. --where shows instead which kernels a step of the UNet consists of.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { fastestGflops, groupKernels, median, medianProfile } from "../src/cli/bench/groups.ts";
import { measurePeaks, raisedTo } from "../src/cli/bench/machine.ts";
import { groupTable } from "../src/cli/bench/table.ts";
import type { KernelTiming } from "../src/engine/backend.ts";
import { createBackend } from "../src/engine/backends/create.ts";
import { numel } from "../src/engine/shape.ts";
import { StableDiffusionPipeline, StableDiffusionXLPipeline } from "../src/index.ts";
import { denoiserProgram } from "../src/pipelines/denoiser_program.ts";
import { header, row, toolPath } from "./bench_runs.ts";

interface Drawing {
  readonly load: number;
  readonly steps: readonly number[];
  readonly rest: number;
  readonly peak_bytes: number;
}

const SCRIPT = toolPath("python/bench_stable_diffusion.py");
const { values } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    model: { type: "string", default: "1.5" },
    folder: { type: "string" },
    variants: { type: "string", default: "fp32,bf16" },
    rounds: { type: "string", default: "2" },
    size: { type: "string" },
    steps: { type: "string", default: "4" },
    threads: { type: "string", default: String(availableParallelism()) },
    draw: { type: "boolean", default: false },
    where: { type: "boolean", default: false },
  },
});
const isXl = values.model === "xl";
const folder = values.folder ?? join(tmpdir(), `imago-stable-diffusion-${values.model}`);
const size = Number(values.size ?? (isXl ? 1024 : 512));
const [steps, threads] = [values.steps, values.threads].map(Number);
const options = { backend: "cpu" as const, threads };
const open = () =>
  (isXl ? StableDiffusionXLPipeline : StableDiffusionPipeline).fromPretrained(folder, options);

if (values.draw) console.log(JSON.stringify(await draw()));
else {
  if (!existsSync(join(folder, "model_index.json")))
    await run(values.python, [SCRIPT, "--make", folder, "--model", values.model]);
  await (values.where ? where() : compare());
}

async function run(command: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(command, args, { maxBuffer: 2 ** 24 })).stdout;
}

/** Draws in this process. */
async function draw(): Promise<Drawing> {
  const times = [performance.now()];
  const lap = () => times.push(performance.now());
  const pipeline = await open();
  lap();
  const prompt = "an oil painting of a castle";
  await pipeline.generateImages({
    ...{ prompt, steps, height: size, width: size, scheduler: "dpm++" as const },
    onStep: lap,
  });
  lap();
  const [load = 0, ...others] = times.slice(1).map((time, i) => (time - times[i]) / 1000);
  const rest = others.pop() ?? 0;
  await pipeline.close();
  return { load, steps: others, rest, peak_bytes: process.resourceUsage().maxRSS * 1024 };
}

async function compare(): Promise<void> {
  const { python, rounds, model } = values;
  const sizes = ["--size", String(size), "--steps", values.steps, "--threads", values.threads];
  const own = [fileURLToPath(import.meta.url), "--draw", "--model", model, "--folder", folder, ...sizes];
  const sides = new Map([["Imago", () => run(process.execPath, own)]]);
  for (const dtype of values.variants.split(","))
    sides.set(`PyTorch ${dtype}`, () => run(python, [SCRIPT, "--draw", folder, "--dtype", dtype, ...sizes]));
  const drawings = new Map<string, Drawing[]>();
  for (let round = 1; round <= Number(rounds); round++) {
    for (const [name, drawn] of sides) {
      console.error(`${name}: round ${round} of ${rounds}`);
      const drawing: Drawing = JSON.parse(await drawn());
      drawings.set(name, [...(drawings.get(name) ?? []), drawing]);
    }
  }
  console.log(header(["", "load", "first step", "step", "to the picture", "peak memory"]));
  for (const [name, all] of drawings) console.log(row([name, ...cells(all)]));
}

/** What a guided step of the UNet consists of, by kind of kernel. */
async function where(): Promise<void> {
  const [pipeline, backend] = [await open(), await createBackend(options)];
  const { unet } = pipeline;
  const shape = [1, size / 8, size / 8, unet.inChannels] as const;
  unet.upload(backend);
  const program = denoiserProgram(unet, shape, { isGuided: true });
  const executable = await backend.compile(program);
  // Of any values: the time does not depend on them.
  const feeds = program.inputs.map(({ shape }) => new Float32Array(numel(shape)).fill(0.5));
  await executable.run(feeds);
  const profiles: KernelTiming[][] = [];
  for (let step = 0; step < steps; step++) profiles.push(await executable.profile(feeds));
  const timings = medianProfile(profiles);
  const peaks = raisedTo(fastestGflops(timings), await measurePeaks(backend));
  const groups = groupKernels(timings, ({ family }) => family, peaks);
  for (const line of groupTable("kernels", groups, ({ family }) => family)) console.log(line);
  await backend.close();
  await pipeline.close();
}

function cells(all: readonly Drawing[]): string[] {
  const seconds = (times: readonly number[]) => `${median(times).toFixed(2)} s`;
  return [
    seconds(all.map(({ load }) => load)),
    seconds(all.map(({ steps: [first = 0] }) => first)),
    seconds(all.flatMap(({ steps: [, ...others] }) => others)),
    seconds(all.map(({ rest }) => rest)),
    `${(median(all.map(({ peak_bytes }) => peak_bytes)) / 2 ** 30).toFixed(2)} GiB`,
  ];
}
