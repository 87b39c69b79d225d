// Draws in a worker, so that the page stays quick.

import {
  DDPMPipeline,
  type GenerateOptions,
  type HostTensor,
  isSamplerName,
  isSchedulerName,
  type Pixels,
  RePaintPipeline,
  toImages,
  walkNoise,
} from "imago";
import {
  type DrawRequest,
  type FromWorker,
  type Pictures,
  type Repaint,
  type ToWorker,
  WALK_FRAMES,
} from "./messages.ts";

const say = (message: FromWorker, transfer: Transferable[] = []): void => postMessage(message, { transfer });

/** The pipeline that was used last: most drawings are by the same. */
let loaded: { readonly key: string; readonly pipeline: Promise<DDPMPipeline> } | undefined;
let running: AbortController | undefined;

addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  running?.abort();
  if (data.kind === "cancel") return;
  const own = new AbortController();
  running = own;
  draw(data.request, own.signal).catch((error: unknown) => {
    if (own.signal.aborted) return;
    say({ kind: "problem", message: error instanceof Error ? error.message : String(error) });
  });
});

async function open({ source, backend }: DrawRequest): Promise<DDPMPipeline> {
  const key = `${backend} ${source}`;
  if (loaded?.key !== key) {
    const before = loaded;
    loaded = { key, pipeline: DDPMPipeline.fromPretrained(source, { backend }) };
    await before?.pipeline.then((pipeline) => pipeline.close()).catch(() => undefined);
  }
  try {
    return await loaded.pipeline;
  } catch (error) {
    loaded = undefined;
    throw error;
  }
}

async function draw(request: DrawRequest, signal: AbortSignal): Promise<void> {
  say({ kind: "stage", text: "reading the model" });
  const pipeline = await open(request);
  const { classes } = pipeline;
  say({ kind: "about", classes: [...(classes?.labels.keys() ?? [])] });
  say({ kind: "stage", text: "compiling" });
  const { count, seed, scheduler, steps, classLabel, guidanceScale, showsClean } = request;
  if (scheduler !== undefined && !isSchedulerName(scheduler) && !isSamplerName(scheduler)) {
    throw new Error(`${scheduler} is no scheduler`);
  }
  const begun = performance.now();
  const how = {
    ...(scheduler !== undefined && { scheduler }),
    ...(steps !== undefined && { steps }),
    ...(classLabel !== undefined && { classLabels: [classLabel] }),
    ...(guidanceScale !== undefined && { guidanceScale }),
  };
  if (request.repaint !== undefined) {
    await repaint(request, request.repaint, signal);
    if (!signal.aborted) say({ kind: "done", seconds: (performance.now() - begun) / 1000 });
    return;
  }
  if (request.walk !== undefined) {
    const frames = WALK_FRAMES * request.walk.length;
    const images = await pipeline.generateImages({
      ...{
        ...how,
        count: frames,
        batchSize: WALK_FRAMES,
        signal,
        noise: walkNoise(request.walk, WALK_FRAMES),
      },
      onStep: ({ step, steps, firstImage, count }) =>
        say({ kind: "share", share: (firstImage + (count * step) / steps) / frames }),
    });
    if (signal.aborted) return;
    const walked = rgbaOf(images);
    say({ kind: "walk", frames: walked }, [walked.rgba.buffer]);
    say({ kind: "done", seconds: (performance.now() - begun) / 1000 });
    return;
  }
  const shown = new Shown(pipeline, showsClean, signal);
  await pipeline.generate({ ...how, count, seed, signal, batchSize: count, onStep: shown.add });
  await shown.all;
  if (!signal.aborted) say({ kind: "done", seconds: (performance.now() - begun) / 1000 });
}

/** Denoising steps of a part that is drawn anew, if none are given, and how often each stretch of them is repeated. */
const REPAINT = { steps: 40, jumpLength: 5, jumpNSample: 3 } as const;
/** Of fewer steps nothing is repeated. */
const FEW_STEPS = 2 * REPAINT.jumpLength;

async function repaint(
  { source, backend, count, seed, steps = REPAINT.steps }: DrawRequest,
  { picture: { width, height, rgba }, mask }: Repaint,
  signal: AbortSignal,
): Promise<void> {
  const pipeline = await RePaintPipeline.fromPretrained(source, { backend });
  try {
    const shown = new Shown(pipeline, false, signal);
    await pipeline.generate({
      ...(steps < FEW_STEPS ? { jumpLength: 1, jumpNSample: 1 } : REPAINT),
      ...{ steps, count, seed, signal, batchSize: count, onStep: shown.add },
      image: { width, height, channels: 4, data: new Uint8Array(rgba) },
      mask: { width, height, channels: 1, data: mask },
    });
    await shown.all;
  } finally {
    await pipeline.close();
  }
}

type DrawingStep = Parameters<NonNullable<GenerateOptions["onStep"]>>[0];

/** What decodes samples of steps. */
type Decoder = Pick<DDPMPipeline, "decode">;

/** Shows the steps of a drawing, decoded one after another, in order. */
class Shown {
  readonly #decoder: Decoder;
  readonly #showsClean: boolean;
  readonly #signal: AbortSignal;
  all: Promise<void> = Promise.resolve();

  constructor(decoder: Decoder, showsClean: boolean, signal: AbortSignal) {
    this.#decoder = decoder;
    this.#showsClean = showsClean;
    this.#signal = signal;
  }

  readonly add = ({ step, steps, sample, predOriginalSample }: DrawingStep): void => {
    this.all = this.all.then(async () => {
      if (this.#signal.aborted) return;
      const pictures = await picturesOf(this.#decoder, sample);
      const clean = this.#showsClean ? await picturesOf(this.#decoder, predOriginalSample) : undefined;
      say({ kind: "step", step, steps, pictures, clean }, [
        pictures.rgba.buffer,
        ...(clean === undefined ? [] : [clean.rgba.buffer]),
      ]);
    });
  };
}

async function picturesOf(pipeline: Decoder, latents: HostTensor): Promise<Pictures> {
  const { data, shape } = await pipeline.decode(latents);
  return rgbaOf(toImages({ shape, data: data.map((x) => Math.min(1, Math.max(0, (x + 1) / 2))) }));
}

function rgbaOf(images: readonly Pixels[]): Pictures {
  const [{ width, height }] = images;
  const rgba = new Uint8ClampedArray(4 * width * height * images.length);
  for (const [i, { data: pixels, channels }] of images.entries()) {
    const start = 4 * width * height * i;
    for (let p = 0; p < width * height; p++) {
      const [r, g, b] = channels < 3 ? [0, 0, 0] : [0, 1, 2];
      rgba[start + 4 * p] = pixels[p * channels + r];
      rgba[start + 4 * p + 1] = pixels[p * channels + g];
      rgba[start + 4 * p + 2] = pixels[p * channels + b];
      rgba[start + 4 * p + 3] = channels === 4 ? pixels[p * 4 + 3] : 255;
    }
  }
  return { width, height, count: images.length, rgba };
}
