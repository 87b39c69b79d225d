// The drawings that the page shows, and their steps.

import { type Signal, signal } from "@preact/signals";
import { Cancelled, perform } from "./draw_client.ts";
import type { DrawRequest, FromWorker, ImageStep, Pictures } from "./messages.ts";

/** A step as it was seen. */
export interface Frame {
  readonly step: number;
  readonly pictures: Pictures;
  readonly clean: Pictures | undefined;
}

export interface Drawing {
  /** Of no other drawing. */
  readonly id: number;
  readonly request: DrawRequest;
  readonly stage: string | null;
  readonly steps: number;
  readonly frames: readonly Frame[];
  /** The steps that a sampler chose, of all pictures. */
  readonly imageSteps: readonly ImageStep[];
  /** The pictures of a walk, in their order. */
  readonly walk: Pictures | null;
  /** Whether it has ended. */
  readonly isOver: boolean;
  /** Of a drawing that came to its end. */
  readonly seconds: number | null;
  readonly problem: string | null;
}

/** Frames that are kept of a drawing, spread over its steps: a thousand steps of pictures are too many. */
const MOST_FRAMES = 60;

/** The drawing of the view Draw. */
export const drawing = signal<Drawing | null>(null);
/** Those of the view Learn: from noise to a picture, and a picture with noise. */
export const lesson = signal<Drawing | null>(null);
export const noised = signal<Drawing | null>(null);
/** The classes of the model that was used last. */
export const classes = signal<readonly string[]>([]);

let drawn = 0;

/** Draws; `shown` has it as far as it is. */
export async function draw(request: DrawRequest, shown: Signal<Drawing | null> = drawing): Promise<void> {
  let own: Drawing = {
    id: drawn++,
    ...{ request, stage: "starting", steps: 0, frames: [], imageSteps: [], walk: null },
    ...{ isOver: false, seconds: null, problem: null },
  };
  const change = (next: Partial<Drawing>): void => {
    own = { ...own, ...next };
    shown.value = own;
  };
  change({});
  try {
    await perform(request, (message) => change(changeBy(message, own)));
    change({ isOver: true, stage: null });
  } catch (error) {
    // A newer drawing is shown by now.
    if (shown.value?.request !== request) return;
    const problem =
      error instanceof Cancelled ? null : error instanceof Error ? error.message : String(error);
    change({ isOver: true, stage: null, problem });
  }
}

function changeBy(message: FromWorker, { frames, imageSteps }: Drawing): Partial<Drawing> {
  switch (message.kind) {
    case "about":
      classes.value = message.classes;
      return {};
    case "stage":
      return { stage: message.text };
    case "step": {
      const { step, steps, pictures, clean } = message;
      return { stage: null, steps, frames: thinned([...frames, { step, pictures, clean }], steps) };
    }
    case "image step":
      return { imageSteps: [...imageSteps, message.step] };
    case "share":
      return { stage: `drawing the walk, ${Math.floor(100 * message.share)} %` };
    case "walk":
      return { walk: message.frames };
    case "done":
      return { seconds: message.seconds };
    case "problem":
      return {};
    default:
      return message satisfies never;
  }
}

/** Keeps the last frame, and of the others every so many. */
function thinned(frames: readonly Frame[], steps: number): Frame[] {
  const every = Math.ceil(steps / MOST_FRAMES);
  return frames.filter(({ step }, i) => i === frames.length - 1 || step % every === 0 || step === 1);
}
