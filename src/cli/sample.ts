// imago sample: draws images with a trained model.

import { join } from "node:path";
import { MemoryError } from "../engine/backend.ts";
import type { BackendName } from "../engine/backends/create.ts";
import { imageGrid, PIXEL_LIMIT, type RgbImage, writeImage } from "../io/image/index.ts";
import { type AdaptiveOptions, misplacedOption } from "../pipelines/adaptive.ts";
import { type BatchStep, DDPMPipeline, type SeedCompat } from "../pipelines/ddpm_pipeline.ts";
import { toImages } from "../pipelines/images.ts";
import { isSamplerName, isSchedulerName, type SamplerName, type SchedulerName } from "../schedulers/index.ts";
import { checking, Interrupted, UsageError } from "./errors.ts";
import { checkOutputFile, checkOutputFolder } from "./files.ts";
import { Film } from "./film.ts";
import { onInterrupt } from "./interrupt.ts";
import { createOutput, type Output } from "./output.ts";
import type { Status } from "./progress.ts";
import { SamplerProgress } from "./sampler_progress.ts";
import { counted, duration } from "./wording.ts";

/** The options of imago sample; those without a question mark have defaults. */
export interface SampleFlags {
  readonly count: number;
  readonly steps?: number;
  /** Default: ddim in place of ddpm, otherwise the pipeline's own. */
  readonly scheduler?: string;
  readonly eta?: number;
  readonly snr?: number;
  readonly correctorSteps?: number;
  readonly rtol?: number;
  readonly atol?: number;
  readonly seed: number;
  readonly seedCompat?: SeedCompat;
  readonly batchSize: number;
  readonly variant?: string;
  readonly out: string;
  readonly each?: string;
  readonly film?: string;
  readonly force?: boolean;
  readonly threads?: number;
  readonly backend?: BackendName;
  readonly json?: boolean;
}

export async function sample(folder: string, flags: SampleFlags): Promise<void> {
  const output = createOutput(flags.json === true);
  const { count, seed, seedCompat } = flags;
  const { pipeline, scheduler } = await checking(() => load(folder, flags, output));
  const calls = isSamplerName(scheduler) ? new SamplerProgress(count) : undefined;
  const defaultSteps = scheduler === "ddpm" ? 1000 : 50;
  const steps = calls
    ? flags.steps
    : (flags.steps ?? Math.min(defaultSteps, pipeline.scheduler.numTrainTimesteps));
  const film = flags.film === undefined ? undefined : new Film();
  const interrupt = new AbortController();
  const release = onInterrupt(() => interrupt.abort());
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  try {
    output.begin("compiling the model");
    const batch = await pipeline.generate({
      count,
      seed,
      scheduler,
      ...(seedCompat && { seedCompat }),
      ...(steps !== undefined && { steps }),
      ...numbers(flags),
      batchSize: flags.batchSize,
      signal: interrupt.signal,
      ...(calls
        ? {
            onImageStep: (step) => {
              if (step.image === 0) film?.add(step);
              output.status(calls.status(step, seconds()));
            },
          }
        : {
            onStep: (step) => {
              if (step.firstImage === 0) film?.add({ ...step, share: step.step / step.steps });
              output.status(status(step, count, seconds()));
            },
          }),
    });
    const images = toImages(batch);
    output.clear();
    await write(images, flags, film);
    const elapsed = seconds();
    output.event({
      event: "done",
      out: flags.out,
      count,
      ...(steps !== undefined && { steps }),
      scheduler,
      seed,
      ...(seedCompat && { seed_compat: seedCompat }),
      ...(calls && { model_calls: calls.total, model_calls_per_image: calls.ofImages }),
      seconds: Number(elapsed.toFixed(3)),
      images_per_second: Number((count / elapsed).toFixed(3)),
    });
    const called = calls ? `, ${calls.summary()}` : "";
    output.line(`${counted(count, "image")} in ${duration(elapsed)}${called}: ${flags.out}`);
    if (flags.each !== undefined) output.line(`one by one: ${flags.each}`);
    if (flags.film !== undefined) output.line(`how the first came out of the noise: ${flags.film}`);
  } catch (error) {
    if (interrupt.signal.aborted && error === interrupt.signal.reason) {
      throw new Interrupted("stopped; no image was written");
    }
    if (error instanceof MemoryError) {
      throw new UsageError(`${error.message}; choose a smaller --batch-size than ${flags.batchSize}`);
    }
    throw error;
  } finally {
    release();
    output.end();
    await pipeline.close();
  }
}

/** Checks where files go before it reads the model, and the model's options before anything is computed. */
async function load(
  folder: string,
  flags: SampleFlags,
  output: Output,
): Promise<{ pipeline: DDPMPipeline; scheduler: SchedulerName | SamplerName }> {
  const force = flags.force === true;
  await checkOutputFile("--out", flags.out, force);
  if (flags.film !== undefined) await checkOutputFile("--film", flags.film, force);
  if (flags.film === flags.out) throw new UsageError("--film and --out name the same file; choose two");
  if (flags.each !== undefined) await checkOutputFolder("--each", flags.each, force);
  const pipeline = await DDPMPipeline.fromPretrained(folder, {
    ...(flags.backend && { backend: flags.backend }),
    ...(flags.threads !== undefined && { threads: flags.threads }),
    ...(flags.variant !== undefined && { variant: flags.variant }),
    warn: output.warn,
  });
  checkCount(flags.count, pipeline.imageSize);
  const own = pipeline.schedulerName;
  const scheduler = flags.scheduler ?? (own === "ddpm" ? "ddim" : own);
  if (!isSchedulerName(scheduler) && !isSamplerName(scheduler)) {
    throw new UsageError(`--scheduler is "${scheduler}"; it is not known`);
  }
  const misplaced = misplacedOption(scheduler, { ...numbers(flags), steps: flags.steps });
  if (misplaced) throw new UsageError(`${flagOf(misplaced.option)} ${misplaced.why}`);
  pipeline.checkOptions({
    count: flags.count,
    seed: flags.seed,
    ...(flags.steps !== undefined && { steps: flags.steps }),
    ...numbers(flags),
    ...(flags.seedCompat && { seedCompat: flags.seedCompat }),
    scheduler,
  });
  return { pipeline, scheduler };
}

/** The options that some schedulers and samplers have, as far as they are given. */
function numbers({ eta, snr, correctorSteps, rtol, atol }: SampleFlags): AdaptiveOptions & { eta?: number } {
  return {
    ...(eta !== undefined && { eta }),
    ...(snr !== undefined && { snr }),
    ...(correctorSteps !== undefined && { correctorSteps }),
    ...(rtol !== undefined && { rtol }),
    ...(atol !== undefined && { atol }),
  };
}

/** "correctorSteps" -> "--corrector-steps". */
const flagOf = (option: string): string =>
  `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** @throws UsageError for more images than can be held, and laid out in a grid, at once */
function checkCount(count: number, { height, width }: { height: number; width: number }): void {
  const most = Math.max(1, Math.floor(PIXEL_LIMIT / (height * width)));
  if (count <= most) return;
  throw new UsageError(
    `--count ${count} images of ${width} x ${height} are too many at once; draw at most ${most}, several times with another --seed`,
  );
}

async function write(
  images: readonly RgbImage[],
  { out, each, film: filmFile }: SampleFlags,
  film: Film | undefined,
): Promise<void> {
  await writeImage(out, imageGrid(images));
  if (each !== undefined) {
    const digits = Math.max(4, String(images.length - 1).length);
    for (const [k, image] of images.entries()) {
      await writeImage(join(each, `${String(k).padStart(digits, "0")}.png`), image);
    }
  }
  if (film !== undefined && filmFile !== undefined) {
    await writeImage(filmFile, film.strip());
  }
}

function status({ step, steps, firstImage, count }: BatchStep, total: number, seconds: number): Status {
  const done = (firstImage + (count * step) / steps) / total;
  const images = count === 1 ? `image ${firstImage + 1}` : `images ${firstImage + 1}-${firstImage + count}`;
  const parts = [`${images} of ${total}`, `step ${step}/${steps}`];
  if (done < 1) parts.push(`${duration((seconds * (1 - done)) / done)} left`);
  return { share: done, parts };
}
