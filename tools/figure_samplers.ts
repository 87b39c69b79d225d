// The pictures of docs/samplers.md: every scheduler at 10, 25 and 50 calls of one model, from the same noise.
//
//   npm run figure:samplers -- [RUN] [--out DIR]
//
// RUN is a run of `imago train` (default runs/quick32); pictures go to DIR (default docs/images/samplers). There is one
// PNG per scheduler: four images at 10 calls, then the same four at 25, then at 50. Schedulers that do not suit the
// model print so and are skipped. repaint.png: a butterfly, the part of it that is kept, and six completions.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { drawButterfly } from "../src/data/index.ts";
import { imageGrid, writeImage } from "../src/io/image/index.ts";
import { DDPMPipeline } from "../src/pipelines/ddpm_pipeline.ts";
import { PipelineError } from "../src/pipelines/errors.ts";
import { toImages } from "../src/pipelines/images.ts";
import { RePaintPipeline } from "../src/pipelines/repaint_pipeline.ts";
import { chosenScheduler } from "../src/pipelines/scheduler_choice.ts";
import { type Scheduler, schedulerNames } from "../src/schedulers/index.ts";

const CALLS = [10, 25, 50];
/** These do not turn noise into images with an ordinary model: the first two invert, the others need a distilled model. */
const OF_OTHER_USE: readonly string[] = ["ddim-inverse", "dpm++-inverse", "flow-match-lcm", "lcm", "tcd"];
const COUNT = 4;
const SEED = 11;

/** The most steps that take at most `calls` model calls, or the fewest steps possible. */
function stepsWithin(calls: number, scheduler: Scheduler): number {
  let steps = calls;
  scheduler.setTimesteps(steps);
  while (scheduler.timesteps.length > calls && canHave(steps - 1, scheduler)) steps--;
  return steps;
}

function canHave(steps: number, scheduler: Scheduler): boolean {
  try {
    scheduler.setTimesteps(steps);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const { values, positionals } = parseArgs({
  options: { out: { type: "string", default: "docs/images/samplers" } },
  allowPositionals: true,
});
const [run = "runs/quick32"] = positionals;
const folder = values.out;
mkdirSync(folder, { recursive: true });
const pipeline = await DDPMPipeline.fromPretrained(run);
const names = schedulerNames;
for (const name of names.filter((name) => !OF_OTHER_USE.includes(name))) {
  try {
    const images = [];
    for (const calls of CALLS) {
      const scheduler = chosenScheduler(name, pipeline.scheduler, pipeline.schedulerName);
      const steps = stepsWithin(calls, scheduler);
      scheduler.setTimesteps(steps);
      const made = scheduler.timesteps.length;
      const started = performance.now();
      images.push(...toImages(await pipeline.generate({ count: COUNT, seed: SEED, steps, scheduler: name })));
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${name}: ${steps} steps, ${made} calls, ${seconds} s`);
    }
    await writeImage(
      join(folder, `${name}.png`),
      imageGrid(images, { columns: images.length, gap: 2, scale: 2 }),
    );
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof PipelineError)) throw error;
    console.log(`${name}: left out: ${error.message}`);
  }
}
await pipeline.close();
await drawCompletions();

async function drawCompletions(): Promise<void> {
  const pipeline = await RePaintPipeline.fromPretrained(run);
  const { width, height } = pipeline.imageSize;
  const image = { data: drawButterfly(0, width), width, height, channels: 3 as const };
  const isKept = (i: number) => Math.floor(i / 3) % width < width / 2;
  const levels = (levelOf: (i: number) => number) => ({
    data: image.data.map((_, i) => levelOf(i)),
    width,
    height,
    channels: 3 as const,
  });
  const mask = levels((i) => (isKept(i) ? 255 : 0));
  const kept = levels((i) => (isKept(i) ? image.data[i] : 128));
  const completions = toImages(await pipeline.generate({ image, mask, count: 6, seed: SEED }));
  await pipeline.close();
  const grid = imageGrid([image, kept, ...completions], { columns: 8, gap: 2, scale: 3 });
  await writeImage(join(folder, "repaint.png"), grid);
  console.log("repaint: six completions of a butterfly");
}
