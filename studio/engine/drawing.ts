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

/** Pictures that are drawn together. */
export interface Batch {
  /** The number of its first picture. */
  readonly first: number;
  readonly frames: readonly Frame[];
}

/** How far a drawing is. */
export interface Progress extends Omit<Extract<FromWorker, { readonly kind: "progress" }>, "kind"> {
  /** Null until that can be said. */
  readonly secondsLeft: number | null;
}

export interface Drawing {
  /** Of no other drawing. */
  readonly id: number;
  readonly request: DrawRequest;
  readonly stage: string | null;
  readonly progress: Progress | null;
  readonly steps: number;
  /** In the order of their pictures. */
  readonly batches: readonly Batch[];
  /** What is to be known of it, beside the pictures. */
  readonly warnings: readonly string[];
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
    ...{ request, stage: "starting", progress: null, steps: 0, batches: [], warnings: [] },
    ...{ imageSteps: [], walk: null },
    ...{ isOver: false, seconds: null, problem: null },
  };
  const change = (next: Partial<Drawing>): void => {
    own = { ...own, ...next };
    shown.value = own;
  };
  change({});
  const clock = new Clock();
  try {
    await perform(request, (message) => change(changeBy(message, own, clock)));
    change({ isOver: true, stage: null });
  } catch (error) {
    // A newer drawing is shown by now.
    if (shown.value?.request !== request) return;
    const problem =
      error instanceof Cancelled ? null : error instanceof Error ? error.message : String(error);
    change({ isOver: true, stage: null, problem });
  }
}

function changeBy(message: FromWorker, drawing: Drawing, clock: Clock): Partial<Drawing> {
  switch (message.kind) {
    case "about":
      classes.value = message.classes;
      return {};
    case "stage":
      return { stage: message.text };
    case "warning":
      return { warnings: [...drawing.warnings, message.text] };
    case "progress": {
      const { kind: _, ...progress } = message;
      return { stage: null, progress: { ...progress, secondsLeft: clock.secondsLeft(message.share) } };
    }
    case "step": {
      const { first, step, steps, pictures, clean } = message;
      const batches = withFrame(drawing.batches, first, { step, pictures, clean }, steps);
      return { stage: null, steps, batches };
    }
    case "image step":
      return { imageSteps: [...drawing.imageSteps, message.step] };
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

function withFrame(batches: readonly Batch[], first: number, frame: Frame, steps: number): Batch[] {
  const before = batches.find((batch) => batch.first === first)?.frames ?? [];
  const others = batches.filter((batch) => batch.first !== first);
  return [...others, { first, frames: thinned([...before, frame], steps) }];
}

/** Keeps the last frame, and of the others every so many. */
function thinned(frames: readonly Frame[], steps: number): Frame[] {
  const every = Math.ceil(steps / MOST_FRAMES);
  return frames.filter(({ step }, i) => i === frames.length - 1 || step % every === 0 || step === 1);
}

/** The frames of a drawing whose pictures are drawn together. */
export const framesOf = ({ batches }: Drawing): readonly Frame[] => batches[0]?.frames ?? [];

/** Tells how long the rest of a drawing takes, by what was done since its first step: that one was compiled before. */
class Clock {
  #begun: { readonly at: number; readonly share: number } | undefined;

  /** @returns null after the first step */
  secondsLeft(share: number): number | null {
    const now = performance.now() / 1000;
    this.#begun ??= { at: now, share };
    const { at, share: before } = this.#begun;
    return share > before ? ((now - at) / (share - before)) * (1 - share) : null;
  }
}
