// What the worker tells the page.

import type { FromWorker, Pictures } from "../messages.ts";

export const say = (message: FromWorker, transfer: Transferable[] = []): void =>
  postMessage(message, { transfer });

/** Tells the pictures after a step; they are the page's then. */
export function sayStep(step: number, steps: number, pictures: Pictures, clean: Pictures | undefined): void {
  say({ kind: "step", step, steps, pictures, clean }, [
    pictures.rgba.buffer,
    ...(clean === undefined ? [] : [clean.rgba.buffer]),
  ]);
}
