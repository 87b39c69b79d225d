// imago sample: draws images with a trained model.

import { join } from "node:path";
import { imageGrid, type RgbImage, writeImage } from "../../io/image/index.ts";
import { classColumns } from "../../pipelines/class_grid.ts";
import { DrawingProgress, type Watch } from "../drawing_progress.ts";
import { checking, Interrupted } from "../errors.ts";
import { onInterrupt } from "../interrupt.ts";
import { createOutput, type Output } from "../output.ts";
import { CLASSES_TOLD, counted, duration, someOf } from "../wording.ts";
import { Film } from "./film.ts";
import { planSample, type SampleFlags, type SamplePlan } from "./plan.ts";

export async function sample(source: string, flags: SampleFlags): Promise<void> {
  const output = createOutput(flags.json === true);
  const { count, seed, seedCompat } = flags;
  const interrupt = new AbortController();
  let stopped = "stopped; what was downloaded is kept, the same command goes on with it";
  const release = onInterrupt(() => interrupt.abort(new Interrupted(stopped)));
  const plan = await ready(source, flags, output, interrupt.signal).catch((error: unknown) => {
    release();
    throw error;
  });
  stopped = "stopped; no image was written";
  const { scheduler, steps, isAdaptive, classes, guidance } = plan;
  const film = flags.film === undefined ? undefined : new Film(plan.decode);
  const started = performance.now();
  const progress = new DrawingProgress(count, output);
  const watch: Watch = {
    onStep(step) {
      if (step.firstImage === 0) film?.add({ ...step, share: step.step / step.steps });
      progress.onStep(step);
    },
    onImageStep(step) {
      if (step.image === 0) film?.add(step);
      progress.onImageStep(step);
    },
  };
  try {
    output.begin("compiling the model");
    const images = await plan.draw(watch, interrupt.signal);
    output.clear();
    await write(images, classColumns(count, classes?.length ?? 1), flags, film);
    const elapsed = (performance.now() - started) / 1000;
    output.event({
      event: "done",
      out: flags.out,
      count,
      ...(steps !== undefined && { steps }),
      scheduler,
      ...(classes && { classes: images.map((_, k) => classes[k % classes.length]) }),
      ...(guidance !== undefined && {
        guidance,
        ...(flags.guidanceRescale !== undefined && { guidance_rescale: flags.guidanceRescale }),
      }),
      seed,
      ...(seedCompat && { seed_compat: seedCompat }),
      ...(isAdaptive && {
        model_calls: progress.modelCalls.reduce((sum, calls) => sum + calls, 0),
        model_calls_per_image: progress.modelCalls,
      }),
      seconds: Number(elapsed.toFixed(3)),
      images_per_second: Number((count / elapsed).toFixed(3)),
    });
    const called = isAdaptive ? `, ${progress.summary()}` : "";
    output.line(`${counted(count, "image")} in ${duration(elapsed)}${called}: ${flags.out}`);
    if (classes) output.line(`classes, in turn: ${someOf(classes.slice(0, count), CLASSES_TOLD)}`);
    else if (guidance !== undefined) output.line("of no class: a guidance of 0 leaves classes out");
    if (flags.each !== undefined) output.line(`one by one: ${flags.each}`);
    if (flags.film !== undefined) output.line(`how the first came out of the noise: ${flags.film}`);
  } finally {
    release();
    output.end();
    await plan.close();
  }
}

/** Makes the plan, after downloads. */
async function ready(
  source: string,
  flags: SampleFlags,
  output: Output,
  signal: AbortSignal,
): Promise<SamplePlan> {
  try {
    return await checking(() => planSample(source, flags, output, signal));
  } finally {
    output.clear();
  }
}

async function write(
  images: readonly RgbImage[],
  columns: number,
  { out, each, film: filmFile }: SampleFlags,
  film: Film | undefined,
): Promise<void> {
  await writeImage(out, imageGrid(images, { columns }));
  if (each !== undefined) {
    const digits = Math.max(4, String(images.length - 1).length);
    for (const [k, image] of images.entries()) {
      await writeImage(join(each, `${String(k).padStart(digits, "0")}.png`), image);
    }
  }
  if (film !== undefined && filmFile !== undefined) {
    await writeImage(filmFile, await film.strip());
  }
}
