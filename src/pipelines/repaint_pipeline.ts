// RePaintPipeline: inpainting, redraws a part of an image (Lugmayr et al. 2022, arXiv 2201.09865). Any model over betas
// works; it needs no training for masks.

import type { ImageSize } from "../codecs/codec.ts";
import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import type { Channels, Pixels } from "../io/image/index.ts";
import type { Denoiser } from "../models/denoiser.ts";
import { type Jumps, type NoiseSource, RePaintScheduler } from "../schedulers/index.ts";
import type { PipelineModel } from "./components.ts";
import {
  type Batch,
  batchWatch,
  DiffusionPipeline,
  type DrawBatch,
  type DrawOptions,
  type FromPretrainedOptions,
} from "./diffusion_pipeline.ts";
import { asPipelineError, PipelineError, wholeAtLeast1 } from "./errors.ts";
import { checkChannels, imageBatch, signedLevel } from "./images.ts";
import { checkKind } from "./model_kind.ts";
import { readPretrained } from "./pretrained.ts";
import type { Predict, SamplingStep } from "./sampling.ts";
import { defaultSteps } from "./sampling_defaults.ts";
import { checkSeedCompat, noiseOf } from "./seeding.ts";

/** Options of `generate`: image, mask and method. */
export interface RePaintOptions extends DrawOptions, Jumps {
  /** The image, of the model's size; its channels become the model's. */
  readonly image: Pixels;
  /** Same size as the image: light pixels are kept, dark ones (below half of white) are redrawn. */
  readonly mask: Pixels;
  /** Denoising steps from noise to image, not counting repeated ones. Default 250. */
  readonly steps?: number;
  /** Share of fresh noise in the redrawn part, 0 (DDIM) .. 1 (DDPM). Default 0. */
  readonly eta?: number;
}

/** The checked inputs of a call. */
interface Inputs {
  readonly scheduler: RePaintScheduler;
  /** [1, H, W, C], in [-1, 1]. */
  readonly image: HostTensor;
  /** [1, H, W, 1], 0 or 1. */
  readonly mask: HostTensor;
}

/**
 * Redraws a part of an image (Lugmayr et al. 2022, arXiv 2201.09865).
 * D: the class of its model.
 */
export class RePaintPipeline<D extends Denoiser = PipelineModel> extends DiffusionPipeline<
  D,
  RePaintOptions
> {
  /**
   * Loads any pipeline over betas, such as a training run's; of its scheduler, only noise schedule and prediction type
   * are used.
   * @param source a pipeline's folder (with model_index.json), a run's, or the name of a repository on the Hugging Face
   *   Hub: "OWNER/NAME" if there is no such folder, or "hf:OWNER/NAME"
   * @throws PipelineError, FileError or HubError, in one line, naming what is missing, damaged or unsupported
   */
  static async fromPretrained(source: string, options: FromPretrainedOptions = {}): Promise<RePaintPipeline> {
    return new RePaintPipeline(...(await readPretrained(source, options)));
  }

  /**
   * Completes an image `count` times, each time differently.
   * @returns [count, H, W, C], values in [0, 1]; where the mask is light, the image's
   * @throws PipelineError for options out of range
   */
  override generate(options: RePaintOptions): Promise<HostTensor> {
    return super.generate(options);
  }

  protected plan(options: RePaintOptions): DrawBatch {
    const { count: total = 1, eta } = options;
    const { scheduler, image, mask } = this.#inputs(options);
    let encoded: Promise<Pick<RePaintLoopOptions, "originalImage" | "mask">> | undefined;
    return async ({ model: { denoise }, shape, ...batch }) => {
      encoded ??= this.#encoded(image, mask, shape);
      return repaintLoop({
        scheduler,
        ...(await encoded),
        denoise,
        shape,
        noise: noiseOf(options, total, batch.firstImage),
        ...(eta !== undefined && { eta }),
        onStep: batchWatch(options, batch),
      });
    };
  }

  /** Image and mask in the model's space. */
  async #encoded(image: HostTensor, mask: HostTensor, [, height, width]: Batch["shape"]) {
    const originalImage = await this.encode(image);
    if (!this.codec.keepsValues) return { originalImage, mask: shrunk(mask, height, width) };
    const channels = image.shape[3];
    const perValue = Float32Array.from(image.data, (_, i) => mask.data[Math.floor(i / channels)]);
    return { originalImage, mask: await this.encode(hostTensor(perValue, image.shape)) };
  }

  #inputs(options: RePaintOptions): Inputs {
    this.checkDrawing(options);
    checkSeedCompat(options);
    checkKind("repaint", "over betas", this.scheduler, this.schedulerName);
    const size = this.imageSize;
    const channels = checkChannels(size.channels);
    const { eta, jumpLength, jumpNSample } = options;
    if (eta !== undefined && !(eta >= 0 && eta <= 1)) {
      throw new PipelineError(`eta is ${eta}, expected 0 .. 1`);
    }
    return asPipelineError(() => {
      const scheduler = RePaintScheduler.fromConfig(this.scheduler);
      const steps = options.steps ?? defaultSteps("repaint", scheduler.numTrainTimesteps);
      scheduler.setTimesteps({
        numInferenceSteps: wholeAtLeast1("steps", steps),
        ...(jumpLength !== undefined && { jumpLength }),
        ...(jumpNSample !== undefined && { jumpNSample }),
      });
      return {
        scheduler,
        image: batchOfOne("image", options.image, size, channels, signedLevel),
        mask: batchOfOne("mask", options.mask, size, 1, (level) => (level < 128 ? 0 : 1)),
      };
    });
  }
}

/** An image as a batch of one, [1, H, W, channels]. @throws PipelineError when it does not have the model's size */
function batchOfOne(
  name: string,
  image: Pixels,
  { height, width }: ImageSize,
  channels: Channels,
  levelValue: (level: number) => number,
): HostTensor {
  if (image.width !== width || image.height !== height) {
    throw new PipelineError(
      `${name} is ${image.width} x ${image.height}, expected the model's ${width} x ${height}`,
    );
  }
  return imageBatch(image, channels, levelValue);
}

/**
 * The mask in the model's space: a position is kept if all its pixels are.
 * @param mask [1, H, W, 1].
 * @returns [1, height, width, 1]
 */
function shrunk(mask: HostTensor, height: number, width: number): HostTensor {
  const [, rows, columns] = mask.shape;
  if (rows === height && columns === width) return mask;
  const data = new Float32Array(height * width).fill(1);
  for (const [i, kept] of mask.data.entries()) {
    const y = Math.floor((Math.floor(i / columns) * height) / rows);
    const x = Math.floor(((i % columns) * width) / columns);
    if (kept === 0) data[y * width + x] = 0;
  }
  return hostTensor(data, [1, height, width, 1]);
}

interface RePaintLoopOptions {
  readonly scheduler: RePaintScheduler;
  /** [1, h, w, c], in the model's space. */
  readonly originalImage: HostTensor;
  /** [1, h, w, 1] or [1, h, w, c], 0 or 1. */
  readonly mask: HostTensor;
  readonly denoise: Predict;
  readonly shape: readonly number[];
  readonly noise: NoiseSource;
  readonly eta?: number;
  readonly onStep: (step: SamplingStep) => void;
}

/** Algorithm 1: denoises, and adds noise again where the timesteps rise. */
async function repaintLoop(options: RePaintLoopOptions): Promise<HostTensor> {
  const { scheduler, originalImage, mask, denoise, shape, noise, eta, onStep } = options;
  const { timesteps } = scheduler;
  let sample = noise.randn(shape);
  let predOriginalSample = sample;
  for (const [i, timestep] of timesteps.entries()) {
    const last = timesteps[i - 1] ?? Number.POSITIVE_INFINITY;
    if (timestep < last) {
      const output = await denoise(sample, timestep);
      const given = { noise, originalImage, mask, ...(eta !== undefined && { eta }) };
      ({ prevSample: sample, predOriginalSample } = scheduler.step(output, timestep, sample, given));
    } else {
      sample = scheduler.undoStep(sample, last, { noise });
    }
    onStep({ step: i + 1, steps: timesteps.length, timestep, sample, predOriginalSample });
  }
  return sample;
}
