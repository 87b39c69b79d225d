// Draws with two models, one after the other: the first leaves its latents while they are noisy, and is closed before
// the second one is read, so that memory holds one of them at a time.

import type { Communicator } from "../../distributed/communicator.ts";
import { drawTogether } from "../../distributed/draw_together.ts";
import { type HostTensor, hostTensor } from "../../engine/host_tensor.ts";
import type { Pixels } from "../../io/image/index.ts";
import type { ImageRange } from "../../pipelines/conditioner.ts";
import type { DrawOptions } from "../../pipelines/diffusion_pipeline.ts";
import type { DenoisingEndOptions } from "../../pipelines/schedule_part.ts";
import { fitting } from "../drawing_plan.ts";
import type { Phase, Watch } from "../drawing_progress.ts";
import type { Drawer, DrawingOptions } from "./drawing.ts";
import type { SamplePlan } from "./sample_plan.ts";

/** The options of a call that this adds. */
type Shared = Pick<DrawOptions, "part" | "signal" | "onStep">;

/** A pipeline that leaves latents. */
export interface Leaving<Options> extends Drawer<Options> {
  generateLatents(options: Options): Promise<HostTensor>;
}

/** A pipeline that goes on from latents. */
export interface Refining extends Pick<Drawer<never>, "decode" | "close"> {
  /** Whether it decodes images in tiles. */
  isTiled(): boolean;
  /** @param latents through which the images of the call cycle */
  refine(latents: HostTensor, options: Shared): Promise<Pixels[]>;
}

/**
 * Checks the options of the first call, and returns how to draw with both models.
 * @param base the first model
 * @param options of its call
 * @param denoisingEnd where on the way from noise, 0, to the image, 1, the second one takes over
 * @param open reads the second model
 * @throws PipelineError for options that the first model does not take
 */
export function drawingOver<Options extends DrawingOptions & DenoisingEndOptions>(
  base: Leaving<NoInfer<Options>>,
  options: Options,
  denoisingEnd: number,
  open: () => Promise<Refining>,
  communicator: Communicator,
): Pick<SamplePlan, "count" | "draw" | "decode" | "close"> & { isTiled(): boolean } {
  const asked = { ...options, denoisingEnd };
  base.checkOptions(asked);
  const { count } = options;
  // Nothing else holds the first model, so that closing it frees its weights.
  let leaving: Leaving<Options> | undefined = base;
  let refining: Refining | undefined;
  const drawnBy = async (part: ImageRange, watch: Watch, signal: AbortSignal): Promise<Pixels[]> => {
    const shared = (phase: Phase) => ({
      part,
      signal,
      onStep: (step: Parameters<Watch["onStep"]>[0]) => watch.onStep({ ...step, phase }),
    });
    const latents = await leaving?.generateLatents({
      ...asked,
      ...shared({ name: "base", begin: 0, end: denoisingEnd }),
    });
    if (latents === undefined) throw new Error("a plan draws once");
    await leaving?.close();
    leaving = undefined;
    refining = await open();
    return refining.refine(turned(latents, part), shared({ name: "refiner", begin: denoisingEnd, end: 1 }));
  };
  const current = () => {
    const open = refining ?? leaving;
    if (open === undefined) throw new Error("neither model is open");
    return open;
  };
  return {
    count,
    draw: (watch, signal) =>
      drawTogether(
        communicator,
        count,
        (part) => fitting(options, () => drawnBy(part, watch, signal)),
        signal,
      ),
    decode: (latents) => current().decode(latents),
    isTiled: () => refining?.isTiled() ?? false,
    close: async () => {
      await leaving?.close();
      await refining?.close();
    },
  };
}

/** Latents of the images of a part in the order in which the images of a whole call, which cycle through them, find them. */
export function turned({ data, shape }: HostTensor, { firstImage, count }: ImageRange): HostTensor {
  const first = (firstImage % count) * (data.length / count);
  const out = new Float32Array(data.length);
  out.set(data.subarray(0, data.length - first), first);
  out.set(data.subarray(data.length - first), 0);
  return hostTensor(out, shape);
}
