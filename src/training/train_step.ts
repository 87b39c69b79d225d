// One training step as one program: draw timesteps and noise, noise the images, predict, loss, gradients, clip, AdamW,
// moving average (Ho et al. 2020, algorithm 1).

import type { HostArray, ProgramSpec } from "../engine/backend.ts";
import type { Shape } from "../engine/shape.ts";
import { constant, grad, input, type Tensor } from "../engine/tensor.ts";
import type { UNet2DModel } from "../models/unet_2d_model.ts";
import { type AdamWOptions, type AdamWScalars, adamw, adamwScalars } from "../nn/adamw.ts";
import { clipCoefficient, globalNorm } from "../nn/clip_grad_norm.ts";
import { type ForwardContext, RandomStream } from "../nn/forward_context.ts";
import { Shadow } from "../nn/shadow.ts";
import { noiseLevel, type PredictionType } from "../schedulers/prediction.ts";
import { emaUpdate } from "./ema.ts";
import { addNoise, meanSquaredError, minSnrWeight, predictionTarget } from "./losses.ts";

export interface TrainStepOptions {
  readonly model: UNet2DModel;
  /** ᾱ_t for every timestep: the scheduler's. */
  readonly alphasCumprod: Float32Array;
  readonly predictionType: PredictionType;
  readonly batchSize: number;
  readonly height: number;
  readonly width: number;
  readonly adamw: AdamWOptions;
  /** Gradients are cut to this norm; null leaves them. */
  readonly maxGradNorm: number | null;
  /** Whether an average of the weights is kept. */
  readonly ema: boolean;
  /** Min-SNR loss weighting; null weighs all timesteps alike. */
  readonly minSnrGamma: number | null;
  /** Noise and timesteps are drawn inside from a key, or fed. Dropout wants "philox". */
  readonly draws: "philox" | "fed";
}

/** What one step is fed. */
export interface TrainStepFeeds {
  /** [N, H, W, C], -1 to 1. */
  readonly images: Float32Array;
  /** For "philox": i32 [3] = seed low word, seed high word, step. */
  readonly key?: Int32Array;
  /** For "fed": [N, H, W, C]. */
  readonly noise?: Float32Array;
  /** For "fed": [N], from 0 to T-1. */
  readonly timesteps?: Int32Array;
  /** For class-conditional models, as the model's `classLabelsFor` says. */
  readonly classLabels?: HostArray;
  /** Optimizer steps done before this one. */
  readonly step: number;
  readonly learningRate: number;
  /** Share of the old average that stays; for `ema`. */
  readonly emaDecay?: number;
}

/** A training step, and the state beside the weights that it changes. */
export interface TrainStep {
  /**
   * Inputs: images; key, or noise and timesteps; class labels if any; keep, stepSize, biasCorrection2Sqrt; ema rate if
   * any. Outputs: loss [] and the gradients' norm [] before clipping. Updates: weights, moments, average.
   */
  readonly program: ProgramSpec;
  /** AdamW's moments of the trainable parameters. Start: setZero(). */
  readonly expAvg: Shadow;
  readonly expAvgSq: Shadow;
  /** The average of all parameters, or null. Start: loaded from the model's state dict. */
  readonly ema: Shadow | null;
  /** Packs the inputs of one run in the program's order. @throws Error when one is missing */
  feeds(feeds: TrainStepFeeds): HostArray[];
}

/** @throws Error when the model or the options cannot be trained so, ShapeError when the size does not fit the model */
export function buildTrainStep(options: TrainStepOptions): TrainStep {
  const { model } = options;
  checkTrainable(options);
  const draws = options.draws === "philox" ? philoxDraws(options) : fedDraws(options);
  const labels = model.classLabelsFor(options.batchSize);
  const classLabels = labels === null ? undefined : input(labels.shape, labels.dtype, "classLabels");
  const scalars: AdamWScalars<Tensor> = {
    keep: input([], "f32", "keep"),
    stepSize: input([], "f32", "stepSize"),
    biasCorrection2Sqrt: input([], "f32", "biasCorrection2Sqrt"),
  };
  const average = options.ema
    ? { weights: new Shadow(model, "all"), rate: input([], "f32", "emaRate") }
    : null;
  const expAvg = new Shadow(model, "trainable");
  const expAvgSq = new Shadow(model, "trainable");

  const loss = diffusionLoss(options, draws, classLabels);
  const trainable = [...model.namedParameters()].filter(([, parameter]) => parameter.trainable);
  const gradients = grad(
    loss,
    trainable.map(([, parameter]) => parameter.tensor),
  );
  const norm = globalNorm(gradients);
  const clip = options.maxGradNorm === null ? null : clipCoefficient(norm, options.maxGradNorm);

  const updates = trainable.flatMap(([name, { tensor }], i) => {
    const gradient = clip === null ? gradients[i] : gradients[i].mul(clip);
    const before = { weight: tensor, expAvg: expAvg.tensor(name), expAvgSq: expAvgSq.tensor(name) };
    const after = adamw(before, gradient, scalars, options.adamw);
    const own = [
      { target: before.weight, value: after.weight },
      { target: before.expAvg, value: after.expAvg },
      { target: before.expAvgSq, value: after.expAvgSq },
    ];
    if (average === null) return own;
    const target = average.weights.tensor(name);
    return [...own, { target, value: emaUpdate(target, after.weight, average.rate) }];
  });

  const inputs = [
    draws.images,
    ...draws.drawn,
    ...(classLabels === undefined ? [] : [classLabels]),
    scalars.keep,
    scalars.stepSize,
    scalars.biasCorrection2Sqrt,
    ...(average === null ? [] : [average.rate]),
  ];
  return {
    program: { name: "train step", inputs, outputs: [loss, norm], updates },
    expAvg,
    expAvgSq,
    ema: average?.weights ?? null,
    feeds: (given) => packFeeds(options, given),
  };
}

function checkTrainable({ model, draws, alphasCumprod }: TrainStepOptions): void {
  const { inChannels, outChannels, dropout, timeEmbeddingType, numTrainTimesteps } = model.config;
  if (inChannels !== outChannels) {
    throw new Error(
      `training wants as many out_channels as in_channels, got ${outChannels} and ${inChannels}`,
    );
  }
  if (timeEmbeddingType === "fourier") {
    throw new Error(
      "a fourier time embedding wants noise levels, but training draws timesteps from 0; use positional or learned",
    );
  }
  if (timeEmbeddingType === "learned" && numTrainTimesteps !== alphasCumprod.length) {
    throw new Error(
      `the model's time embedding has ${numTrainTimesteps} rows, but the noise schedule has ${alphasCumprod.length} timesteps; make num_train_timesteps equal`,
    );
  }
  if (draws === "fed" && dropout > 0) {
    throw new Error(`dropout of ${dropout} wants random numbers in the program; use draws "philox"`);
  }
}

/** The random part of a step. */
interface Draws {
  /** [N, H, W, C]. */
  readonly images: Tensor;
  /** What else must be fed. */
  readonly drawn: readonly Tensor[];
  /** [N, H, W, C]. */
  readonly noise: Tensor;
  /** i32 [N]. */
  readonly timesteps: Tensor;
  readonly context: ForwardContext;
}

function imageShape({ model, batchSize, height, width }: TrainStepOptions): Shape {
  return [batchSize, height, width, model.config.inChannels];
}

function philoxDraws(options: TrainStepOptions): Draws {
  const shape = imageShape(options);
  const key = input([3], "i32", "key");
  const random = new RandomStream(key);
  const noise = random.normal(shape);
  const uniform = random.uniform([options.batchSize]);
  const timesteps = uniform.mul(options.alphasCumprod.length).floor().cast("i32");
  const images = input(shape, "f32", "images");
  return { images, drawn: [key], noise, timesteps, context: { training: true, random } };
}

function fedDraws(options: TrainStepOptions): Draws {
  const shape = imageShape(options);
  const images = input(shape, "f32", "images");
  const noise = input(shape, "f32", "noise");
  const timesteps = input([options.batchSize], "i32", "timesteps");
  return { images, drawn: [noise, timesteps], noise, timesteps, context: { training: true } };
}

/** The loss of one batch, shape []. */
function diffusionLoss(
  { model, alphasCumprod, predictionType, batchSize, minSnrGamma }: TrainStepOptions,
  { images, noise, timesteps, context }: Draws,
  classLabels: Tensor | undefined,
): Tensor {
  // One row by timestep: signal scale, noise scale, loss weight.
  const table = Array.from(alphasCumprod, (alphaProd) => {
    const { alpha, sigma } = noiseLevel(alphaProd);
    return [alpha, sigma, minSnrGamma === null ? 1 : minSnrWeight(predictionType, alphaProd, minSnrGamma)];
  });
  const rows = constant(Float32Array.from(table.flat()), [table.length, 3]).gather(timesteps); // [N, 3]
  const [alpha, sigma, weight] = rows.split(3, 1);
  const scales = {
    alpha: alpha.reshape([batchSize, 1, 1, 1]),
    sigma: sigma.reshape([batchSize, 1, 1, 1]),
  };
  const noisy = addNoise(images, noise, scales);
  const prediction = model.forward(noisy, timesteps, {
    context,
    ...(classLabels === undefined ? {} : { classLabels }),
  });
  const target = predictionTarget(predictionType, images, noise, scales);
  return meanSquaredError(prediction, target, minSnrGamma === null ? null : weight.reshape([batchSize]));
}

function packFeeds(options: TrainStepOptions, given: TrainStepFeeds): HostArray[] {
  const required = <T>(name: string, value: T | undefined): T => {
    if (value === undefined) throw new Error(`this training step wants to be fed ${name}`);
    return value;
  };
  const drawn =
    options.draws === "philox"
      ? [required("a key", given.key)]
      : [required("noise", given.noise), required("timesteps", given.timesteps)];
  const labels =
    options.model.classLabelsFor(options.batchSize) === null
      ? []
      : [required("classLabels", given.classLabels)];
  const { keep, stepSize, biasCorrection2Sqrt } = adamwScalars(given.step, given.learningRate, options.adamw);
  const scalars = [keep, stepSize, biasCorrection2Sqrt];
  if (options.ema) scalars.push(1 - required("emaDecay", given.emaDecay));
  return [given.images, ...drawn, ...labels, ...scalars.map((value) => Float32Array.of(value))];
}
