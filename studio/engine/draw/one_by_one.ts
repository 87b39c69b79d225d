// Draws the pictures of a prompt one after the other, as large ones take much memory; each is shown when it is done.

import { isSamplerName, makeSampler } from "imago";
import type { DrawRequest } from "../messages.ts";
import type { Drawer } from "./drawer.ts";
import { rgbaOf } from "./pictures.ts";
import { say, sayStep } from "./say.ts";
import { Shown, type ShownStep } from "./shown.ts";
import { howOf } from "./steps.ts";

/** In how many parts the way of a sampler that chooses its steps is told. */
const PARTS = 50;

export async function drawOneByOne(drawer: Drawer, request: DrawRequest, signal: AbortSignal): Promise<void> {
  const { count, seed, scheduler = "", showsSteps = false, showsClean } = request;
  const shown = new Shown(drawer, showsClean, signal);
  for (let first = 0; first < count; first++) {
    let last = { step: 0, steps: 0 };
    const onStep = ({ step, steps, sample, predOriginalSample }: ShownStep): void => {
      if (step === last.step) return;
      last = { step, steps };
      say({ kind: "progress", picture: first, step, steps, share: (first + step / steps) / count });
      // The last one is what is drawn: decoding it can take as long as some steps.
      if (step === steps) say({ kind: "stage", text: `decoding picture ${first + 1}` });
      if (showsSteps && step < steps) shown.add({ first, step, steps, sample, predOriginalSample });
    };
    const images = await drawer.generateImages({
      ...askedOf(request),
      ...{ count, seed, signal, batchSize: 1, part: { firstImage: first, count: 1 } },
      ...(isSamplerName(scheduler)
        ? {
            onImageStep: ({ share, timestep, nextTimestep, noise, ...samples }) => {
              say({ kind: "image step", step: { image: first, timestep, nextTimestep, noise } });
              onStep({ ...samples, step: Math.floor(PARTS * share), steps: PARTS });
            },
          }
        : { onStep }),
    });
    await shown.all;
    if (signal.aborted) return;
    const clean = showsSteps && showsClean ? rgbaOf(images) : undefined;
    sayStep({ first, step: last.steps, steps: last.steps, pictures: rgbaOf(images), clean });
  }
}

/** By a scheduler, or by a sampler that chooses its steps. */
function askedOf(request: DrawRequest) {
  const { scheduler = "", options, steps, eta, guidanceScale } = request;
  if (!isSamplerName(scheduler)) return howOf(request);
  const own = { ...options, ...(steps !== undefined && { steps }), ...(eta !== undefined && { eta }) };
  return {
    scheduler: makeSampler(scheduler, own),
    ...(guidanceScale !== undefined && { guidanceScale }),
  };
}
