// The figures of docs/adaptive-noise.md: how much noise each step adds, fixed in advance or adapted to the score, and
// what samplers draw with nearly equal numbers of model calls.
//
//   npm run figure:adaptive-noise -- [RUN] [--out DIR] [--threads N]
//
// RUN is a run of `imago train` on the synthetic butterflies (default runs/quick32). It writes adaptive_noise.svg and
// adaptive_noise_NAME.png for each sampler into DIR (default docs/images), and prints a Markdown table: model calls
// per image, rejected attempts, and speckle: the difference of neighbouring pixels in the corners of the images, where
// the butterflies' background is white, in levels of 8 bits.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  DDPMPipeline,
  DDPMScheduler,
  type GeneratedStep,
  type GenerateOptions,
  type HostTensor,
  hostTensor,
  imageGrid,
  synthetic,
  toImages,
  writeImage,
} from "../src/index.ts";
import { type Line, lineChart } from "../src/io/image/line_chart.ts";

const SEED = 1;
const COUNT = 16;
const COLUMNS = 8;
const CORNER = 3;
/** Images with their own lines in the chart. */
const SHOWN = 4;

interface Case {
  readonly name: string;
  readonly label: string;
  readonly color?: string;
  readonly options: GenerateOptions;
}

const CASES: readonly Case[] = [
  { name: "ddim", label: "DDIM, 50 steps: no noise", options: { scheduler: "ddim", steps: 50 } },
  {
    name: "ddpm",
    label: "DDPM, 50 steps: fixed",
    color: "#555555",
    options: { scheduler: "ddpm", steps: 50 },
  },
  {
    name: "pc",
    label: "pc, 25 steps and correctors",
    color: "#d1495b",
    options: { scheduler: "pc", steps: 25 },
  },
  { name: "adaptive", label: "adaptive", color: "#00798c", options: { scheduler: "adaptive" } },
  {
    name: "dpm_adaptive",
    label: "dpm-adaptive: no noise",
    options: { scheduler: "dpm-adaptive" },
  },
  {
    name: "gotta_go_fast_loose",
    label: "gotta-go-fast, rtol 0.2, atol 0.02",
    options: { scheduler: "gotta-go-fast", rtol: 0.2, atol: 0.02 },
  },
  {
    name: "gotta_go_fast",
    label: "gotta-go-fast",
    color: "#edae49",
    options: { scheduler: "gotta-go-fast" },
  },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: "string", default: "docs/images" }, threads: { type: "string" } },
});
const [run = "runs/quick32"] = positionals;
const pipeline = await DDPMPipeline.fromPretrained(run, {
  ...(values.threads !== undefined && { threads: Number(values.threads) }),
});
await mkdir(values.out, { recursive: true });
const lines: Line[] = [];
console.log("| | model calls | refused | speckle |\n|---|---|---|---|");
console.log(`| the data | | | ${speckle(data()).toFixed(2)} |`);
for (const { name, label, color, options } of CASES) {
  const steps: GeneratedStep[] = [];
  const isScheduler = options.scheduler === "ddim" || options.scheduler === "ddpm";
  const drawn = await pipeline.generate({
    count: COUNT,
    seed: SEED,
    ...options,
    ...(!isScheduler && { onImageStep: (step: GeneratedStep) => void steps.push(step) }),
  });
  await writeImage(
    join(values.out, `adaptive_noise_${name}.png`),
    imageGrid(toImages(drawn), { columns: COLUMNS, scale: 2 }),
  );
  const last = steps.filter(({ share }) => share === 1).map(({ modelCalls }) => modelCalls);
  const calls = isScheduler ? [options.steps ?? 0] : last;
  const [least, most] = [Math.min(...calls), Math.max(...calls)];
  const refused = steps.reduce((sum, { rejected }) => sum + rejected, 0) / COUNT;
  console.log(
    `| ${label} | ${least === most ? most : `${least}-${most}`} | ${refused.toFixed(1)} | ${speckle(drawn).toFixed(2)} |`,
  );
  if (color !== undefined) lines.push(...linesOf(label, color, isScheduler ? undefined : steps));
}
await pipeline.close();
await writeFile(
  join(values.out, "adaptive_noise.svg"),
  lineChart(
    "Fresh noise in each step, from noise (left) to image (right)",
    { label: "timestep that the step starts from", from: 1000, to: 0, ticks: [1000, 800, 600, 400, 200, 0] },
    { label: "standard deviation of the noise", from: 0, to: 1.2, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1, 1.2] },
    lines,
  ),
);

/** The lines of several images, the first one strong; a single line for DDPM's fixed noise. */
function linesOf(name: string, color: string, steps: readonly GeneratedStep[] | undefined): Line[] {
  if (steps === undefined) return [{ name, color, points: fixedNoise() }];
  return Array.from({ length: SHOWN }, (_, image) => ({
    name,
    color,
    faint: image > 0,
    points: steps
      .filter((step) => step.image === image && step.noise > 0)
      .map(({ timestep, noise }): [number, number] => [timestep, noise]),
  }));
}

/** DDPM's noise, which does not depend on the image: the square root of the posterior's variance. */
function fixedNoise(): [number, number][] {
  const scheduler = DDPMScheduler.fromConfig(pipeline.scheduler);
  scheduler.setTimesteps(50);
  return scheduler.timesteps
    .filter((timestep) => timestep > 0)
    .map((timestep) => [timestep, Math.sqrt(scheduler.getVariance(timestep))]);
}

function data(): HostTensor {
  const { height, width, channels } = pipeline.imageSize;
  const source = synthetic({ size: height });
  const images = Array.from({ length: 100 }, (_, i) => Float32Array.from(source.image(i), (x) => x / 255));
  const values = new Float32Array(100 * height * width * channels);
  for (const [i, image] of images.entries()) values.set(image, i * image.length);
  return hostTensor(values, [100, height, width, channels]);
}

/**
 * The unevenness of the background: the mean difference of horizontal neighbours in an upper corner, in levels of 8
 * bits; the median over all corners, because wings reach into some. Values are in [0, 1].
 */
function speckle({ data, shape }: HostTensor): number {
  const [count, height, width, channels] = shape;
  const corners: number[] = [];
  for (let n = 0; n < count; n++) {
    for (const left of [0, width - CORNER]) {
      let sum = 0;
      for (let y = 0; y < CORNER; y++) {
        const row = ((n * height + y) * width + left) * channels;
        for (let i = row; i < row + (CORNER - 1) * channels; i++)
          sum += Math.abs(data[i] - data[i + channels]);
      }
      corners.push((255 * sum) / (CORNER * (CORNER - 1) * channels));
    }
  }
  return corners.sort((a, b) => a - b)[Math.floor(corners.length / 2)];
}
