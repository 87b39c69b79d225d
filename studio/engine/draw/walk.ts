// Draws the pictures between seeds.

import { walkNoise } from "imago";
import { type DrawRequest, WALK_FRAMES } from "../messages.ts";
import type { Drawer } from "./drawer.ts";
import { rgbaOf } from "./pictures.ts";
import { say } from "./say.ts";
import { howOf } from "./steps.ts";

export async function drawWalk(
  pipeline: Drawer,
  request: DrawRequest,
  seeds: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const frames = WALK_FRAMES * seeds.length;
  const images = await pipeline.generateImages({
    ...howOf(request),
    ...{ count: frames, signal, noise: walkNoise(seeds, WALK_FRAMES) },
    batchSize: request.prompt === undefined ? WALK_FRAMES : 1,
    onStep: ({ step, steps, firstImage, count }) =>
      say({ kind: "share", share: (firstImage + (count * step) / steps) / frames }),
  });
  if (signal.aborted) return;
  const walked = rgbaOf(images);
  say({ kind: "walk", frames: walked }, [walked.rgba.buffer]);
}
