// Times this project beside diffusers on PyTorch, in turn (A B A B) on the same machine and threads, and prints a table.
//
//   npm run bench:diffusers -- --python .venv/bin/python
//   npm run bench:diffusers -- --python .venv/bin/python --presets butterflies32 --work train --batch-sizes 16,64
//
// Each case runs `imago bench` and tools/python/bench_diffusers.py (with what requirements.txt beside it names) in
// `--rounds` rounds; a cell is the median over the rounds of each run's median. The ratio is to the fastest PyTorch
// variant. Other work on the machine spoils the numbers of both.

import { execFile } from "node:child_process";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { isPresetName, PRESETS, type PresetName } from "../src/training/presets.ts";

const WORKS = { train: "train", forward: "sample" } as const;
type Work = keyof typeof WORKS;

const { values: options } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    presets: { type: "string", default: "butterflies32" },
    work: { type: "string", default: "train,forward" },
    "batch-sizes": { type: "string", default: "16" },
    variants: { type: "string", default: "eager,channels_last" },
    threads: { type: "string", default: String(availableParallelism()) },
    rounds: { type: "string", default: "2" },
    steps: { type: "string", default: "3" },
  },
});

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function fail(message: string): never {
  console.error(`bench:diffusers: ${message}`);
  process.exit(2);
}

/** Runs a command; the JSON objects among the lines it prints. */
async function jsonLines(command: string, args: readonly string[]): Promise<Record<string, unknown>[]> {
  const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 2 ** 24 });
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line): Record<string, unknown> => JSON.parse(line));
}

async function imagoSeconds(work: Work, preset: PresetName, batchSize: string): Promise<number> {
  const args = ["bench", WORKS[work], "--preset", preset, "--batch-size", batchSize, "--json"];
  const more = ["--threads", options.threads, "--repeat", options.steps];
  const lines = await jsonLines(process.execPath, [file("../bin/imago.js"), ...args, ...more]);
  return Number(lines.find((line) => line.event === "bench")?.seconds_per_step);
}

/** Seconds by variant; a variant that PyTorch cannot run is left out with a word. */
async function torchSeconds(work: Work, preset: PresetName, batchSize: string): Promise<Map<string, number>> {
  const { maxGradNorm } = PRESETS[preset].settings;
  const args = [
    "--preset",
    preset,
    "--work",
    work,
    "--batch-size",
    batchSize,
    "--variants",
    options.variants,
  ];
  const more = ["--threads", options.threads, "--steps", options.steps, "--warmup", "1"];
  const clip = maxGradNorm === null ? [] : ["--max-grad-norm", String(maxGradNorm)];
  const script = file("python/bench_diffusers.py");
  const lines = await jsonLines(options.python, [script, ...args, ...more, ...clip]);
  const seconds = new Map<string, number>();
  for (const line of lines) {
    if (line.error === undefined) seconds.set(String(line.variant), Number(line.median_seconds));
    else console.error(`${preset} ${work} ${line.variant}: ${line.error}`);
  }
  return seconds;
}

async function compare(work: Work, preset: PresetName, batchSize: string): Promise<void> {
  const ours: number[] = [];
  const theirs = new Map<string, number[]>();
  for (let round = 0; round < Number(options.rounds); round++) {
    ours.push(await imagoSeconds(work, preset, batchSize));
    for (const [variant, seconds] of await torchSeconds(work, preset, batchSize)) {
      theirs.set(variant, [...(theirs.get(variant) ?? []), seconds]);
    }
  }
  const variants = [...theirs].map(([variant, seconds]) => ({ variant, seconds: median(seconds) }));
  const [best] = variants.toSorted((a, b) => a.seconds - b.seconds);
  const speed = (seconds: number) => (Number(batchSize) / seconds).toFixed(2);
  const cells = [
    `${preset} ${work}`,
    batchSize,
    `${speed(median(ours))} img/s`,
    variants.map(({ variant, seconds }) => `${variant} ${speed(seconds)}`).join(", "),
    `${(best.seconds / median(ours)).toFixed(2)}x`,
  ];
  console.log(`| ${cells.join(" | ")} |`);
}

const presets = options.presets.split(",").filter(isPresetName);
const works = options.work.split(",").filter((work): work is Work => Object.hasOwn(WORKS, work));
if (presets.length !== options.presets.split(",").length)
  fail(`--presets ${options.presets}: an unknown name`);
if (works.length !== options.work.split(",").length)
  fail(`--work ${options.work}: expected train, forward or both`);
try {
  await promisify(execFile)(options.python, ["-c", "import diffusers, torch"]);
} catch {
  fail(
    `${options.python} cannot import diffusers and torch; install them with: pip install -r tools/python/requirements.txt`,
  );
}
console.log(`${cpus()[0].model}, ${options.threads} threads, Node ${process.versions.node}\n`);
console.log("| work | batch | imago | PyTorch, img/s | ratio to the best |\n|---|---|---|---|---|");
for (const preset of presets) {
  for (const work of works) {
    for (const batchSize of options["batch-sizes"].split(",")) await compare(work, preset, batchSize);
  }
}
