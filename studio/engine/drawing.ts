// Drawings of the page: one worker, one drawing at a time.

import { signal } from "@preact/signals";
import type { DrawRequest, FromWorker, Pictures, ToWorker } from "./messages.ts";

/** A step as it was seen. */
export interface Frame {
  readonly step: number;
  readonly pictures: Pictures;
  readonly clean: Pictures | undefined;
}

export interface Drawing {
  readonly request: DrawRequest;
  readonly stage: string | null;
  readonly steps: number;
  readonly frames: readonly Frame[];
  readonly seconds: number | null;
  readonly problem: string | null;
}

/** Frames that are kept of a drawing, spread over its steps: a thousand steps of pictures are too many. */
const MOST_FRAMES = 60;

/** The drawing that is shown. */
export const drawing = signal<Drawing | null>(null);
/** The classes of the model that was used last. */
export const classes = signal<readonly string[]>([]);

let worker: Worker | undefined;

export function draw(request: DrawRequest): void {
  drawing.value = { request, stage: "starting", steps: 0, frames: [], seconds: null, problem: null };
  send({ kind: "draw", request });
}

export function cancel(): void {
  send({ kind: "cancel" });
  if (drawing.value !== null) drawing.value = { ...drawing.value, stage: null };
}

function send(message: ToWorker): void {
  worker ??= start();
  worker.postMessage(message);
}

function start(): Worker {
  const made = new Worker(new URL("./draw_worker.ts", import.meta.url), { type: "module" });
  made.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => receive(data));
  made.addEventListener("error", ({ message }) => receive({ kind: "problem", message }));
  return made;
}

function receive(message: FromWorker): void {
  const { value } = drawing;
  if (value === null) return;
  switch (message.kind) {
    case "about":
      classes.value = message.classes;
      return;
    case "stage":
      drawing.value = { ...value, stage: message.text };
      return;
    case "step": {
      const { step, steps, pictures, clean } = message;
      drawing.value = {
        ...value,
        stage: null,
        steps,
        frames: thinned([...value.frames, { step, pictures, clean }], steps),
      };
      return;
    }
    case "done":
      drawing.value = { ...value, stage: null, seconds: message.seconds };
      return;
    case "problem":
      drawing.value = { ...value, stage: null, problem: message.message };
      return;
    default:
      message satisfies never;
  }
}

/** Keeps the last frame, and of the others every so many. */
function thinned(frames: readonly Frame[], steps: number): Frame[] {
  const every = Math.ceil(steps / MOST_FRAMES);
  return frames.filter(({ step }, i) => i === frames.length - 1 || step % every === 0 || step === 1);
}
