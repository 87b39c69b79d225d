// Draws a part of a picture anew.

import { RePaintPipeline } from "imago";
import type { DrawRequest, Repaint } from "../messages.ts";
import { withoutPrompts } from "./drawer.ts";
import type { Model } from "./model.ts";
import { pixelsOf } from "./pictures.ts";
import { Shown } from "./shown.ts";

/** Denoising steps, if none are given, and how often each stretch of them is repeated. */
const USUAL = { steps: 40, jumpLength: 5, jumpNSample: 3 } as const;
/** Of fewer steps nothing is repeated. */
const FEW_STEPS = 2 * USUAL.jumpLength;

export async function drawRepaint(
  model: Model,
  { count, seed, steps = USUAL.steps }: DrawRequest,
  { picture, mask }: Repaint,
  signal: AbortSignal,
): Promise<void> {
  const { width, height } = picture;
  const { unet, scheduler, codec, conditioner } = withoutPrompts(model);
  const { backend } = model;
  const pipeline = new RePaintPipeline(unet, scheduler, { backend, codec, conditioner });
  try {
    const shown = new Shown(pipeline, false, signal);
    await pipeline.generate({
      ...(steps < FEW_STEPS ? { jumpLength: 1, jumpNSample: 1 } : USUAL),
      ...{ steps, count, seed, signal, batchSize: count, onStep: shown.add },
      image: pixelsOf(picture),
      mask: { width, height, channels: 1, data: mask },
    });
    await shown.all;
  } finally {
    await pipeline.close();
  }
}
