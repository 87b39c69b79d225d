// Times this project beside diffusers on PyTorch, alternating (A B A B) on the same machine and threads, and prints a
// table.
//
//   npm run bench:diffusers -- --python .venv/bin/python
//   npm run bench:diffusers -- --python .venv/bin/python --cases butterflies32:train:16,cifar10:train:8 --rounds 3
//
// A case is PRESET:WORK:BATCH. Each of `--rounds` rounds runs `imago bench` and tools/python/bench_diffusers.py (with
// the packages of requirements.txt beside it), each PyTorch variant in a separate process, so that peaks of memory are
// separate too. A cell is the median of all steps, with the slowest and the fastest; ratios are to the PyTorch variant
// with the best median. `--variants eager,channels_last,compile,compile_channels_last` includes torch.compile, which
// takes minutes per run. `--json FILE` saves every number. Other work on the machine spoils the numbers of both.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { parseArgs, promisify } from "node:util";
import { counted } from "../src/cli/wording.ts";
import { PRESET_NAMES, PRESETS } from "../src/training/presets.ts";
import {
  type Case,
  count,
  header,
  imagoRun,
  jsonLines,
  type Line,
  parseCase,
  peakText,
  type Run,
  row,
  runOf,
  speedText,
  timesOfRuns,
  toolPath,
} from "./bench_runs.ts";

const CASES = [
  ...["butterflies32:train:16", "butterflies32:train:64"],
  ...["butterflies32:forward:1", "butterflies32:forward:16", "butterflies32:forward:64"],
  ...["cifar10:train:8", "butterflies128:train:1"],
];
/** The others are this project's own. */
const PRESETS_OF_BOTH = PRESET_NAMES.filter((name) => PRESETS[name].patchSize === 1 && name !== "quick32");
const VARIANTS = ["eager", "channels_last", "compile", "compile_channels_last"];
/** Fewest warm-up steps of PyTorch; both sides then run steps for two seconds. */
const WARMUP = 2;
/** Short forward passes are repeated for at least this many images. */
const LEAST_IMAGES = 48;

interface Options {
  readonly python: string;
  /** The file for every number, if any. */
  readonly json: string | undefined;
  readonly cases: readonly Case[];
  readonly variants: readonly string[];
  readonly threads: number;
  readonly rounds: number;
  readonly steps: number;
}

interface Comparison {
  readonly case: Case;
  readonly imago: Run[];
  /** By variant; without those that PyTorch could not run. */
  readonly torch: Map<string, Run[]>;
}

function parseOptions(): Options {
  const { values: given } = parseArgs({
    options: {
      python: { type: "string", default: "python3" },
      cases: { type: "string", default: CASES.join(",") },
      variants: { type: "string", default: "eager,channels_last" },
      threads: { type: "string", default: String(availableParallelism()) },
      rounds: { type: "string", default: "2" },
      steps: { type: "string", default: "3" },
      json: { type: "string" },
    },
  });
  const variants = given.variants.split(",");
  const unknown = variants.find((variant) => !VARIANTS.includes(variant));
  if (unknown !== undefined) throw new Error(`variant "${unknown}"; expected some of ${VARIANTS.join(", ")}`);
  return {
    python: given.python,
    json: given.json,
    cases: given.cases.split(",").map((text) => parseCase(text, PRESETS_OF_BOTH)),
    variants,
    threads: count("--threads", given.threads),
    rounds: count("--rounds", given.rounds),
    steps: count("--steps", given.steps),
  };
}

async function checkPython(python: string): Promise<void> {
  try {
    await promisify(execFile)(python, ["-c", "import diffusers, torch"]);
  } catch {
    throw new Error(
      `${python} cannot import diffusers and torch; install them with: pip install -r tools/python/requirements.txt`,
    );
  }
}

/** Undefined, with a message on stderr, when this PyTorch cannot run the variant. */
async function torchRun(
  { preset, work, batchSize }: Case,
  variant: string,
  { python, threads, steps }: Options,
): Promise<Run | undefined> {
  const { maxGradNorm, emaMaxDecay } = PRESETS[preset].settings;
  const numbers = { "batch-size": batchSize, threads, steps, warmup: WARMUP };
  const args = [
    ...["--preset", preset, "--work", work, "--variants", variant],
    ...Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ...(maxGradNorm === null ? [] : ["--max-grad-norm", String(maxGradNorm)]),
    ...(emaMaxDecay === null ? [] : ["--ema"]),
  ];
  const [line = {}] = await jsonLines(python, [toolPath("python/bench_diffusers.py"), ...args]);
  if (line.error === undefined) return runOf(line);
  console.error(`${preset} ${work} ${variant}: ${line.error}`);
  return undefined;
}

async function compare(which: Case, given: Options): Promise<Comparison> {
  const result: Comparison = { case: which, imago: [], torch: new Map() };
  const least = which.work === "forward" ? Math.ceil(LEAST_IMAGES / which.batchSize) : 0;
  const options = { ...given, steps: Math.max(given.steps, least) };
  for (let round = 1; round <= options.rounds; round++) {
    console.error(`${which.preset} ${which.work} ${which.batchSize}: round ${round} of ${options.rounds}`);
    result.imago.push(await imagoRun(which, options.threads, options.steps));
    for (const variant of options.variants) {
      const run = await torchRun(which, variant, options);
      if (run !== undefined) result.torch.set(variant, [...(result.torch.get(variant) ?? []), run]);
    }
  }
  return result;
}

function tableRow(
  { case: { preset, work, batchSize }, imago, torch }: Comparison,
  variants: readonly string[],
): string {
  const ours = timesOfRuns(imago);
  const theirs = new Map([...torch].map(([variant, runs]) => [variant, timesOfRuns(runs)]));
  const [best] = [...theirs].toSorted(([, a], [, b]) => a.median - b.median);
  const ratios =
    best === undefined
      ? "-"
      : `${(best[1].median / ours.median).toFixed(2)}x (${(best[1].fastest / ours.fastest).toFixed(2)}x)`;
  return row([
    `${preset} ${work}`,
    String(batchSize),
    speedText(batchSize, ours),
    ...variants.map((variant) => {
      const times = theirs.get(variant);
      return times === undefined ? "-" : speedText(batchSize, times);
    }),
    ratios,
    peakText(imago),
    ...variants.map((variant) => peakText(torch.get(variant) ?? [])),
  ]);
}

/** Saves every number of the cases so far. */
async function save(file: string, machine: Line, comparisons: readonly Comparison[]): Promise<void> {
  const lines = (runs: readonly Run[]) => runs.map(({ line }) => line);
  const cases = comparisons.map(({ case: { preset, work, batchSize }, imago, torch }) => ({
    ...{ preset, work, batch_size: batchSize, imago: lines(imago) },
    torch: Object.fromEntries([...torch].map(([variant, runs]) => [variant, lines(runs)])),
  }));
  await writeFile(file, `${JSON.stringify({ ...machine, cases }, null, 1)}\n`);
}

async function main(): Promise<void> {
  const options = parseOptions();
  await checkPython(options.python);
  const { json, variants, threads, rounds, steps } = options;
  const cpu = cpus()[0].model;
  const node = process.versions.node;
  const comparisons: Comparison[] = [];
  for (const which of options.cases) {
    comparisons.push(await compare(which, options));
    if (json !== undefined) await save(json, { cpu, threads, node, rounds, steps }, comparisons);
  }
  const [line] = comparisons.flatMap(({ torch }) => [...torch.values()].flat().map((run) => run.line));
  const versions = line === undefined ? "" : `; diffusers ${line.diffusers} on PyTorch ${line.torch}`;
  console.log(`${cpu}, ${threads} threads; Node ${node}${versions}`);
  console.log(
    `Images/s: median of ${counted(rounds, "round")} of ${counted(steps, "step")} (slowest to fastest step).\n`,
  );
  console.log(
    header([
      ...["work", "batch", "Imago", ...variants, "Imago to the best (of fastest steps)"],
      ...["memory Imago", ...variants.map((variant) => `memory ${variant}`)],
    ]),
  );
  for (const comparison of comparisons) console.log(tableRow(comparison, variants));
}

try {
  await main();
} catch (error) {
  console.error(`bench:diffusers: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 2;
}
