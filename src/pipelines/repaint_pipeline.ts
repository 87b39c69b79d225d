// RePaintPipeline: a UNet that draws a part of an image anew (Lugmayr et al. 2022, arXiv 2201.09865). Any model over
// betas can do it; it needs no training for masks.

import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import { checkRgb, type RgbImage } from "../io/image/index.ts";
import { type Jumps, type NoiseSource, RePaintScheduler } from "../schedulers/index.ts";
import { defaultSteps } from "./default_steps.ts";
import { asPipelineError, PipelineError, wholeAtLeast1 } from "./errors.ts";
import { readPipeline } from "./folders.ts";
import { pipelineFolder } from "./hub.ts";
import { checkKind } from "./model_kind.ts";
import type { Denoiser, SamplingStep } from "./sampling.ts";
import { checkSeedCompat, noiseOf } from "./seeding.ts";
import { batchWatch, type DrawOptions, type FromPretrainedOptions, UNetPipeline } from "./unet_pipeline.ts";

/** The image that is drawn anew in a part, the mask that says where, and how. */
export interface RePaintOptions extends DrawOptions, Jumps {
  /** The image, of the model's size. */
  readonly image: RgbImage;
  /** Of the same size: light pixels are kept, dark ones (below half of white) drawn anew. */
  readonly mask: RgbImage;
  /** Denoising steps from noise to image, without the ways back. Default 250. */
  readonly steps?: number;
  /** Share of fresh noise in the part that is drawn, 0 (DDIM) .. 1 (DDPM). Default 0. */
  readonly eta?: number;
}

/** The inputs of a run, in the scheduler's form. */
interface Inputs {
  readonly scheduler: RePaintScheduler;
  /** [1, H, W, 3], in [-1, 1]. */
  readonly originalImage: HostTensor;
  /** [1, H, W, 1], 0 or 1. */
  readonly mask: HostTensor;
}

/** Draws a part of an image anew (Lugmayr et al. 2022, arXiv 2201.09865). */
export class RePaintPipeline extends UNetPipeline {
  /**
   * Loads any pipeline over betas, such as a training run's; of its scheduler the noise schedule and the prediction type
   * count.
   * @param source a pipeline's folder (with model_index.json), a run's, or the name of a repository on the Hugging Face
   *   Hub: "OWNER/NAME" if there is no such folder, or "hf:OWNER/NAME"
   * @throws PipelineError, FileError or HubError, in one line, naming what is missing, damaged or of an unknown kind
   */
  static async fromPretrained(source: string, options: FromPretrainedOptions = {}): Promise<RePaintPipeline> {
    const { unet, scheduler, id2label } = await readPipeline(await pipelineFolder(source, options), options);
    return new RePaintPipeline(unet, scheduler, { ...(id2label && { id2label }), ...options });
  }

  /**
   * Completes an image, `count` times, each in another way.
   * @returns [count, H, W, 3], values in [0, 1]; where the mask is light, the image's
   * @throws PipelineError for options out of range
   */
  async generate(options: RePaintOptions): Promise<HostTensor> {
    const { count: total = 1, eta } = options;
    const inputs = this.#inputs(options);
    return this.drawBatches(options, ({ denoise }, shape, firstImage, count) =>
      repaintLoop({
        ...inputs,
        denoise,
        shape,
        noise: noiseOf(options, total, firstImage),
        ...(eta !== undefined && { eta }),
        onStep: batchWatch(options, firstImage, count),
      }),
    );
  }

  /** Checks what `generate` would, without computing anything. @throws PipelineError */
  checkOptions(options: RePaintOptions): void {
    this.#inputs(options);
  }

  #inputs(options: RePaintOptions): Inputs {
    this.checkDrawing(options);
    checkSeedCompat(options);
    checkKind("repaint", "over betas", this.scheduler, this.schedulerName);
    const { channels } = this.imageSize;
    if (channels !== 3) {
      throw new PipelineError(
        `the model draws images of ${channels} channels, expected 3: image and mask are RGB`,
      );
    }
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
        originalImage: this.#unbatched("image", options.image, 3, ([...rgb]) =>
          rgb.map((level) => (level / 255) * 2 - 1),
        ),
        mask: this.#unbatched("mask", options.mask, 1, (rgb) => [luma(rgb) < 128 ? 0 : 1]),
      };
    });
  }

  /** An image as a batch of one, [1, H, W, channels]. @throws PipelineError when it is not of the model's size */
  #unbatched(
    name: string,
    image: RgbImage,
    channels: number,
    valuesOf: (rgb: Uint8Array) => readonly number[],
  ): HostTensor {
    checkRgb(image);
    const { height, width } = this.imageSize;
    if (image.width !== width || image.height !== height) {
      throw new PipelineError(
        `${name} is ${image.width} x ${image.height}, expected the model's ${width} x ${height}`,
      );
    }
    const data = new Float32Array(height * width * channels);
    for (let i = 0; i < height * width; i++) {
      data.set(valuesOf(image.data.subarray(3 * i, 3 * i + 3)), i * channels);
    }
    return hostTensor(data, [1, height, width, channels]);
  }
}

interface RePaintLoopOptions extends Inputs {
  readonly denoise: Denoiser;
  readonly shape: readonly number[];
  readonly noise: NoiseSource;
  readonly eta?: number;
  readonly onStep: (step: SamplingStep) => void;
}

/** Algorithm 1: down to the image, with ways back where the timesteps rise. */
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

/** How light a pixel is, 0 .. 255: Rec. 601, rounded as Pillow rounds it. */
function luma([r = 0, g = 0, b = 0]: Uint8Array): number {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}
