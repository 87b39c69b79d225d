// Draws in a worker, so that the page stays quick.

import { isSamplerName } from "imago";
import type { DrawRequest, ToWorker } from "../messages.ts";
import { drawerOf } from "./drawer.ts";
import { type Model, open } from "./model.ts";
import { drawNoised } from "./noised.ts";
import { drawOneByOne } from "./one_by_one.ts";
import { drawOwnSteps } from "./own_steps.ts";
import { drawRepaint } from "./repaint.ts";
import { say } from "./say.ts";
import { drawSteps } from "./steps.ts";
import { drawWalk } from "./walk.ts";

let running: AbortController | undefined;
/** Resolves when all that was asked for before has ended: an aborted drawing does so after its step. */
let before: Promise<void> = Promise.resolve();

addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  running?.abort();
  if (data.kind === "cancel") return;
  const own = new AbortController();
  running = own;
  before = before
    .then(() => (own.signal.aborted ? undefined : perform(data.request, own.signal)))
    .catch((error: unknown) => {
      if (own.signal.aborted) return;
      say({ kind: "problem", message: error instanceof Error ? error.message : String(error) });
    });
});

async function perform(request: DrawRequest, signal: AbortSignal): Promise<void> {
  say({ kind: "stage", text: "reading the model" });
  const model = await open(request);
  if (signal.aborted) return;
  const { classes } = model.pipeline;
  say({ kind: "about", classes: [...(classes?.labels.keys() ?? [])] });
  say({ kind: "stage", text: "compiling" });
  const begun = performance.now();
  await draw(model, request, signal);
  if (!signal.aborted) say({ kind: "done", seconds: (performance.now() - begun) / 1000 });
}

async function draw(model: Model, request: DrawRequest, signal: AbortSignal): Promise<void> {
  const { repaint, walk, noised, scheduler, prompt } = request;
  if (repaint !== undefined) return drawRepaint(model, request, repaint, signal);
  if (noised !== undefined) return drawNoised(model, request, noised, signal);
  const drawer = await drawerOf(model, request);
  if (walk !== undefined) return drawWalk(drawer, request, walk, signal);
  if (prompt !== undefined) return drawOneByOne(drawer, request, signal);
  return scheduler !== undefined && isSamplerName(scheduler)
    ? drawOwnSteps(drawer, request, signal)
    : drawSteps(drawer, request, signal);
}
