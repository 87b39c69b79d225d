// The part of a plan that is the same for all models: how many images, from which noise, shared out among processes.

import type { Communicator } from "../../distributed/communicator.ts";
import { drawTogether } from "../../distributed/draw_together.ts";
import type { HostTensor } from "../../engine/host_tensor.ts";
import type { Pixels } from "../../io/image/index.ts";
import type { DrawOptions } from "../../pipelines/diffusion_pipeline.ts";
import type { SeedOptions } from "../../pipelines/seeding.ts";
import { walkNoise } from "../../pipelines/walk_noise.ts";
import { fitting } from "../drawing_plan.ts";
import { watchOf } from "../drawing_progress.ts";
import type { SampleFlags } from "./flags.ts";
import type { SamplePlan } from "./sample_plan.ts";

/** The number of images to draw. */
export const imagesOf = ({ count, walk, walkFrames }: SampleFlags): number =>
  walk === undefined ? count : walk.length * walkFrames * count;

/** The options of a call that all pipelines have. */
interface CommonOptions extends SeedOptions {
  readonly count: number;
  readonly batchSize: number;
}

export function commonOptions(flags: SampleFlags): CommonOptions {
  const { count, seed, seedCompat, walk, walkFrames, batchSize } = flags;
  if (walk !== undefined) {
    return { count: imagesOf(flags), noise: walkNoise(walk, walkFrames, count), batchSize };
  }
  return { count, seed, batchSize, ...(seedCompat && { seedCompat }) };
}

/** Each walker of a walk keeps what it shows: a list for the walkers, of one through which they cycle. */
export const ofWalkers = <T>({ walk, count }: SampleFlags, list: readonly T[]): readonly T[] =>
  walk === undefined ? list : Array.from({ length: count }, (_, k) => list[k % list.length]);

/** Texts for prompts, once for all of them or once for each, which stay with theirs. */
export const ofPrompts = (flags: SampleFlags, texts: readonly string[]): readonly string[] =>
  texts.length === flags.prompt?.length ? ofWalkers(flags, texts) : texts;

/** These, and what drawing adds to them. */
export interface DrawingOptions extends CommonOptions, Pick<DrawOptions, "part" | "signal" | "onStep"> {}

/** A pipeline, as far as drawing uses it. */
export interface Drawer<Options> {
  checkOptions(options: Options): void;
  generateImages(options: Options): Promise<Pixels[]>;
  decode(latents: HostTensor): Promise<HostTensor>;
  close(): Promise<void>;
}

/**
 * Checks the options of a call and returns how to draw with them.
 * @throws PipelineError for options that the pipeline does not take
 */
export function drawingWith<Options extends DrawingOptions>(
  pipeline: Drawer<NoInfer<Options>>,
  options: Options,
  isAdaptive: boolean,
  communicator: Communicator,
): Pick<SamplePlan, "count" | "isAdaptive" | "draw" | "decode" | "close"> {
  pipeline.checkOptions(options);
  const { count } = options;
  return {
    count,
    isAdaptive,
    draw: (watch, signal) =>
      drawTogether(
        communicator,
        count,
        (part) =>
          fitting(options, () =>
            pipeline.generateImages({ ...options, part, signal, ...watchOf(isAdaptive, watch) }),
          ),
        signal,
      ),
    decode: (latents) => pipeline.decode(latents),
    close: () => pipeline.close(),
  };
}
