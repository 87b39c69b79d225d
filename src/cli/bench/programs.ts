// The programs for imago bench, built like those of training and sampling, and the time to build each part.

import type { Backend, Executable, HostArray } from "../../engine/backend.ts";
import { DEFAULT_PRECISION, type Precision } from "../../engine/precision.ts";
import { TorchGenerator } from "../../engine/random/torch_generator.ts";
import type { UNet2DModel } from "../../models/unet_2d_model.ts";
import { denoiserProgram } from "../../pipelines/denoiser_program.ts";
import { DDPMScheduler } from "../../schedulers/index.ts";
import { PRESETS, type PresetName, presetLatents, presetModel } from "../../training/presets.ts";
import { optimizerOf, timestepSamplingOf } from "../../training/settings.ts";
import { buildFittingStep, startState } from "../../training/step/compile_step.ts";
import { uploadState } from "../../training/step/step_programs.ts";
import type { TrainStepOptions } from "../../training/step/train_step.ts";

/** Stages of a start, in order. */
export type StartPart = "weights" | "trace" | "compile" | "first_step";

export interface BenchProgram {
  readonly executable: Executable;
  readonly feeds: readonly HostArray[];
  /** Seconds. */
  readonly start: ReadonlyMap<StartPart, number>;
}

/** A preset's training step, without conditions. */
export function presetStep(
  preset: PresetName,
  model: UNet2DModel,
  batchSize: number,
  precision: Precision = DEFAULT_PRECISION,
): TrainStepOptions {
  const { scheduler: recipe, settings } = PRESETS[preset];
  const { height: size } = presetLatents(PRESETS[preset]);
  const scheduler = new DDPMScheduler(recipe);
  return {
    model,
    objective: {
      alphasCumprod: scheduler.alphasCumprod,
      predictionType: scheduler.config.predictionType,
    },
    batchSize,
    height: size,
    width: size,
    ...optimizerOf(settings),
    precision,
    maxGradNorm: settings.maxGradNorm,
    ema: settings.emaMaxDecay !== null,
    minSnrGamma: settings.minSnrGamma,
    lossType: settings.lossType,
    draws: "philox",
    timestepSampling: timestepSamplingOf(settings),
  };
}

export async function prepareTraining(
  backend: Backend,
  preset: PresetName,
  batchSize: number,
  precision: Precision = DEFAULT_PRECISION,
): Promise<BenchProgram> {
  const watch = new Stopwatch();
  const model = createModel(preset);
  watch.lap("weights");
  const step = presetStep(preset, model, batchSize, precision);
  const trainStep = buildFittingStep(backend, step);
  startState(trainStep);
  watch.lap("trace");
  uploadState(backend, trainStep);
  const executable = await backend.compile(trainStep.program);
  watch.lap("compile");
  const feeds = trainStep.feeds({
    images: randomImages(model, batchSize, step.height),
    key: Int32Array.of(0, 0, 0),
    step: 0,
    learningRate: PRESETS[preset].settings.learningRate,
    lossScale: 2 ** 10,
    emaDecay: 0.9,
  });
  return { executable, feeds, start: await watch.firstStep(executable, feeds) };
}

export async function prepareSampling(
  backend: Backend,
  preset: PresetName,
  batchSize: number,
  precision: Precision = DEFAULT_PRECISION,
): Promise<BenchProgram> {
  const { height: size } = presetLatents(PRESETS[preset]);
  const watch = new Stopwatch();
  const model = createModel(preset);
  watch.lap("weights");
  const program = denoiserProgram(model, [batchSize, size, size, model.config.inChannels], { precision });
  watch.lap("trace");
  model.upload(backend);
  const executable = await backend.compile(program);
  watch.lap("compile");
  const feeds = [randomImages(model, batchSize, size), new Float32Array(batchSize).fill(500)];
  return { executable, feeds, start: await watch.firstStep(executable, feeds) };
}

const createModel = (preset: PresetName): UNet2DModel =>
  presetModel(PRESETS[preset]).initialize(new TorchGenerator(0));

/** [N, H, W, C]. */
function randomImages(model: UNet2DModel, batchSize: number, size: number): Float32Array {
  return new TorchGenerator(1).randn(batchSize * size * size * model.config.inChannels);
}

class Stopwatch {
  readonly #parts = new Map<StartPart, number>();
  #last = performance.now();

  /** Assigns the time since the last lap to a stage. */
  lap(part: StartPart): void {
    const now = performance.now();
    this.#parts.set(part, (now - this.#last) / 1000);
    this.#last = now;
  }

  /** Runs the last stage, which loads the code into the threads and warms up; then returns all stages. */
  async firstStep(
    executable: Executable,
    feeds: readonly HostArray[],
  ): Promise<ReadonlyMap<StartPart, number>> {
    this.#last = performance.now();
    await executable.run(feeds);
    this.lap("first_step");
    return this.#parts;
  }
}
