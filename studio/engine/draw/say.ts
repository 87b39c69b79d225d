// What the worker tells the page.

import type { FromWorker, Pictures } from "../messages.ts";

export const say = (message: FromWorker, transfer: Transferable[] = []): void =>
  postMessage(message, { transfer });

/** Pictures after a step. */
export interface StepSeen {
  readonly step: number;
  readonly steps: number;
  readonly pictures: Pictures;
  readonly clean?: Pictures | undefined;
  /** The number of the first picture. Default 0. */
  readonly first?: number;
}

/** Tells the pictures after a step; they are the page's then. */
export function sayStep({ step, steps, pictures, clean, first = 0 }: StepSeen): void {
  say({ kind: "step", first, step, steps, pictures, clean }, [
    pictures.rgba.buffer,
    ...(clean === undefined ? [] : [clean.rgba.buffer]),
  ]);
}
