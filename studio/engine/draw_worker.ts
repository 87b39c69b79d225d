// Draws in a worker, so that the page stays quick.

import {
  DDPMPipeline,
  type HostTensor,
  isSamplerName,
  isSchedulerName,
  type Pixels,
  toImages,
  walkNoise,
} from "imago";
import { type DrawRequest, type FromWorker, type Pictures, type ToWorker, WALK_FRAMES } from "./messages.ts";

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
  let shown: Promise<void> = Promise.resolve();
  await pipeline.generate({
    ...{ ...how, count, seed, signal, batchSize: count },
    onStep: ({ step, steps, sample, predOriginalSample }) => {
      // Decoded one after another, in order.
      shown = shown.then(async () => {
        if (signal.aborted) return;
        const pictures = await picturesOf(pipeline, sample);
        const clean = showsClean ? await picturesOf(pipeline, predOriginalSample) : undefined;
        say({ kind: "step", step, steps, pictures, clean }, [
          pictures.rgba.buffer,
          ...(clean === undefined ? [] : [clean.rgba.buffer]),
        ]);
      });
    },
  });
  await shown;
  if (!signal.aborted) say({ kind: "done", seconds: (performance.now() - begun) / 1000 });
}

async function picturesOf(pipeline: DDPMPipeline, latents: HostTensor): Promise<Pictures> {
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
