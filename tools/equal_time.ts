// Trains a preset and a recipe of Hugging Face's pages for the same time, one after the other, on the same threads and
// the same 1,000 images, and measures the images that both draw by the same numbers.
//
//   npm run bench:equal-time -- --python .venv/bin/python --recipe course --preset quick --seconds 300 --out runs/equal
//   npm run bench:equal-time -- --python .venv/bin/python --recipe tutorial --preset gallery --seconds 3600 --out runs/equal128
//
// Both draw by DDIM and by DDPM, in 50 steps (--schedulers ddim,ddpm; --count images each). The preset's number of steps is
// chosen by the speed of its first ones; or --run RUN names a run of it, of its own length, that took no longer. OUT keeps
// the models, a sheet of each (imago-ddim.png, diffusers-ddim.png, ...) and result.json; given again, what is there is not
// trained anew. Other work on the machine spoils the comparison.

import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { synthetic, writeImage } from "../src/index.ts";
import { isPresetName, PRESETS } from "../src/training/presets.ts";
import { count, jsonLines, toolPath } from "./bench_runs.ts";

/** Steps by which the speed of a preset is measured. */
const TIMED_STEPS = 6;
/** Sizes of the recipes' images, in pixels. */
const RECIPES = { course: 32, tutorial: 128 } as const;

const CLI = toolPath("../src/cli/main.ts");

/** Runs imago to its end and shows what it says. */
async function imago(...args: string[]): Promise<void> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "inherit", "inherit"] });
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`imago ${args.join(" ")} ended with ${code}`);
}

/** The images as files of one size, for both. */
async function writeImages(folder: string, size: number): Promise<void> {
  const images = synthetic({ size });
  await mkdir(folder, { recursive: true });
  for (let i = 0; i < images.count; i++) {
    const file = join(folder, `${String(i).padStart(4, "0")}.png`);
    await writeImage(file, { ...images.size, data: images.image(i), channels: images.channels });
  }
}

/** Seconds of a step of a preset, without the first ones. */
async function stepSeconds(train: readonly string[], out: string): Promise<number> {
  const short = [
    "--out",
    out,
    "--steps",
    String(TIMED_STEPS),
    "--sample-every",
    "0",
    "--checkpoint-every",
    "0",
  ];
  const events = await jsonLines(process.execPath, [CLI, ...train, ...short, "--json"]);
  const seconds = events.filter(({ event }) => event === "step").map((line) => Number(line.seconds));
  const [first, last] = [seconds[1], seconds.at(-1) ?? 0];
  return (last - first) / (TIMED_STEPS - 2);
}

/** Steps of every sampler. */
const SAMPLE_STEPS = "50";

/** The numbers of a model's images against the files, by sampler; draws a sheet with each. */
async function measured(model: string, images: string, drawn: number, sheet: string): Promise<unknown> {
  const numbers: Record<string, unknown> = {};
  for (const scheduler of schedulers) {
    const by = ["--scheduler", scheduler, "--steps", SAMPLE_STEPS];
    await imago("sample", model, ...by, "--count", "16", "--out", `${sheet}-${scheduler}.png`);
    const compare = ["eval", model, "--data", images, "--count", String(drawn), ...by, "--json"];
    const [row] = await jsonLines(process.execPath, [CLI, ...compare]);
    numbers[scheduler] = row?.numbers;
  }
  return numbers;
}

const { values: given } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    recipe: { type: "string", default: "course" },
    preset: { type: "string", default: "quick" },
    seconds: { type: "string", default: "300" },
    count: { type: "string", default: "1000" },
    schedulers: { type: "string", default: "ddim,ddpm" },
    run: { type: "string" },
    out: { type: "string", default: "runs/equal" },
  },
});
const { python, recipe, preset, out } = given;
if (recipe !== "course" && recipe !== "tutorial")
  throw new Error(`--recipe is "${recipe}"; expected course or tutorial`);
if (!isPresetName(preset)) throw new Error(`--preset is "${preset}"; expected a preset`);
const [seconds, drawn] = [count("--seconds", given.seconds), count("--count", given.count)];
const schedulers = given.schedulers.split(",");
const threads = String(availableParallelism());

const images = join(out, "images");
await writeImages(images, Math.max(RECIPES[recipe], PRESETS[preset].size));
const train = ["train", "--preset", preset, "--data", images, "--threads", threads];
const run = given.run ?? join(out, "imago");
if (!existsSync(join(run, "pipeline"))) {
  const steps = Math.floor(seconds / (await stepSeconds(train, join(out, "timed"))));
  const only = ["--sample-every", "0", "--checkpoint-every", "0"];
  await imago(...train, "--out", run, "--steps", String(steps), ...only);
}
const { step: steps, seconds: took } = JSON.parse(
  (await readFile(join(run, "metrics.jsonl"), "utf8")).trim().split("\n").at(-1) ?? "",
);
if (given.run !== undefined && took > seconds) {
  throw new Error(`${run} took ${took} seconds; expected one of at most ${seconds}`);
}

const other = join(out, "diffusers");
const said = join(out, "diffusers.json");
if (!existsSync(said)) {
  const script = toolPath("python/train_recipe.py");
  const trained = [
    "--recipe",
    recipe,
    "--images",
    images,
    "--seconds",
    String(seconds),
    "--threads",
    threads,
  ];
  const { stdout } = await promisify(execFile)(python, [script, ...trained, "--out", other]);
  await writeFile(said, stdout);
}
const result = {
  ...{ recipe, preset, seconds, threads },
  imago: {
    steps,
    images: steps * PRESETS[preset].settings.batchSize,
    seconds: took,
    numbers: await measured(run, images, drawn, join(out, "imago")),
  },
  diffusers: {
    ...JSON.parse(await readFile(said, "utf8")),
    numbers: await measured(other, images, drawn, join(out, "diffusers")),
  },
};
await writeFile(join(out, "result.json"), `${JSON.stringify(result, undefined, 2)}\n`);
console.log(JSON.stringify(result, undefined, 2));
