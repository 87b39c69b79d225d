// Draws with Stable Diffusion 1.5 in its full size, with random weights, in turn with diffusers on PyTorch, and prints a
// table: seconds to load the folder, of the first step and the others, and from the last step to the picture; the peak
// memory of each process.
//
//   npm run bench:stable-diffusion -- --python .venv/bin/python
//   npm run bench:stable-diffusion -- --python .venv/bin/python --folder sd15 --variants fp32,bf16 --rounds 2
//
// The folder, of 2 GB, is made by tools/python/bench_stable_diffusion.py where there is none, in 16 bits. A cell is the
// median of all rounds.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { median } from "../src/cli/bench/groups.ts";
import { StableDiffusionPipeline } from "../src/index.ts";
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
    folder: { type: "string", default: join(tmpdir(), "imago-stable-diffusion-1.5") },
    variants: { type: "string", default: "fp32,bf16" },
    rounds: { type: "string", default: "2" },
    size: { type: "string", default: "512" },
    steps: { type: "string", default: "4" },
    threads: { type: "string", default: String(availableParallelism()) },
    draw: { type: "boolean", default: false },
  },
});
const [size, steps, threads] = [values.size, values.steps, values.threads].map(Number);

if (values.draw) console.log(JSON.stringify(await draw(values.folder)));
else await compare();

/** Draws in this process. */
async function draw(folder: string): Promise<Drawing> {
  const times = [performance.now()];
  const lap = () => times.push(performance.now());
  const pipeline = await StableDiffusionPipeline.fromPretrained(folder, { backend: "cpu", threads });
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
  const { python, folder, rounds } = values;
  const run = async (command: string, args: readonly string[]): Promise<string> =>
    (await promisify(execFile)(command, args, { maxBuffer: 2 ** 24 })).stdout;
  if (!existsSync(join(folder, "model_index.json"))) await run(python, [SCRIPT, "--make", folder]);
  const sizes = ["--size", values.size, "--steps", values.steps, "--threads", values.threads];
  const own = fileURLToPath(import.meta.url);
  const sides = new Map([
    ["Imago", () => run(process.execPath, [own, "--draw", "--folder", folder, ...sizes])],
  ]);
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
