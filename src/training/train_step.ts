// One training step as one program: draw timesteps and noise, noise the images, predict, loss, gradients, clip, AdamW,
// moving average (Ho et al. 2020, algorithm 1). What is learnt is objective.ts, what is drawn draws.ts.

import { CONDITION_SIZE } from "../data/augment/edm.ts";
import type { HostArray, ProgramSpec } from "../engine/backend.ts";
import { grad, input, type Tensor } from "../engine/tensor.ts";
import type { UNet2DInputs } from "../models/unet_2d_model.ts";
import { type AdamWOptions, type AdamWScalars, adamw, adamwScalars } from "../nn/adamw.ts";
import { clipCoefficient, globalNorm } from "../nn/clip_grad_norm.ts";
import type { Module } from "../nn/module.ts";
import { ModuleGroup } from "../nn/module_group.ts";
import { Shadow } from "../nn/shadow.ts";
import type { AugmentEmbedding } from "./augment_embedding.ts";
import { type DrawFeeds, type DrawOptions, type Draws, imageShape, makeDraws, packDraws } from "./draws.ts";
import { emaUpdate } from "./ema.ts";
import { addNoise, meanSquaredError, predictionTarget, squaredErrors } from "./losses.ts";
import { batchLevels, isFlow } from "./objective.ts";

export interface TrainStepOptions extends DrawOptions {
  readonly adamw: AdamWOptions;
  /** Gradients are cut to this norm; null leaves them. */
  readonly maxGradNorm: number | null;
  /** Whether an average of the weights is kept. */
  readonly ema: boolean;
  /** Min-SNR loss weighting; null weighs all timesteps alike. */
  readonly minSnrGamma: number | null;
  /** Tells the model how its images were augmented, and is trained with it. Default none. */
  readonly augmentEmbedding?: AugmentEmbedding;
}

/** What one step is fed. */
export interface TrainStepFeeds extends DrawFeeds {
  /** [N, H, W, C], -1 to 1. */
  readonly images: Float32Array;
  /** For class-conditional models, as the model's `classLabelsFor` says. */
  readonly classLabels?: HostArray;
  /** For `augmentEmbedding`: [N, 9], see `edmCondition`. */
  readonly conditions?: Float32Array;
  /** Optimizer steps done before this one. */
  readonly step: number;
  readonly learningRate: number;
  /** Share of the old average that stays; for `ema`. */
  readonly emaDecay?: number;
}

/** A training step, and the state beside the weights that it changes. */
export interface TrainStep {
  /**
   * Inputs: images; what the draws want; class labels and conditions if any; keep, stepSize, biasCorrection2Sqrt; ema
   * rate if any.
   * Outputs: loss [], the gradients' norm [] before clipping, and for loss-second-moment each image's loss [N] before
   * its factor. Updates: weights, moments, average.
   */
  readonly program: ProgramSpec;
  /** All that is trained: the model, and what only training has beside it. */
  readonly network: Module;
  /** AdamW's moments of the trainable parameters. Start: setZero(). */
  readonly expAvg: Shadow;
  readonly expAvgSq: Shadow;
  /** The average of all parameters, or null. Start: loaded from the network's state dict. */
  readonly ema: Shadow | null;
  /** Packs the inputs of one run in the program's order. @throws Error when one is missing */
  feeds(feeds: TrainStepFeeds): HostArray[];
}

/** @throws Error when the model or the options cannot be trained so, ShapeError when the size does not fit the model */
export function buildTrainStep(options: TrainStepOptions): TrainStep {
  const { model, augmentEmbedding } = options;
  checkTrainable(options);
  const network = new ModuleGroup([model, ...(augmentEmbedding === undefined ? [] : [augmentEmbedding])]);
  const draws = makeDraws(options);
  const images = input(imageShape(options), "f32", "images");
  const labels = model.classLabelsFor(options.batchSize);
  const classLabels = labels === null ? undefined : input(labels.shape, labels.dtype, "classLabels");
  const conditions =
    augmentEmbedding === undefined
      ? undefined
      : input([options.batchSize, CONDITION_SIZE], "f32", "conditions");
  const scalars: AdamWScalars<Tensor> = {
    keep: input([], "f32", "keep"),
    stepSize: input([], "f32", "stepSize"),
    biasCorrection2Sqrt: input([], "f32", "biasCorrection2Sqrt"),
  };
  const average = options.ema
    ? { weights: new Shadow(network, "all"), rate: input([], "f32", "emaRate") }
    : null;
  const expAvg = new Shadow(network, "trainable");
  const expAvgSq = new Shadow(network, "trainable");

  const { loss, byImage } = diffusionLoss(options, images, draws, {
    ...(classLabels !== undefined && { classLabels }),
    ...(augmentEmbedding !== undefined &&
      conditions !== undefined && { addedEmbedding: augmentEmbedding.forward(conditions) }),
  });
  const trainable = [...network.namedParameters()].filter(([, parameter]) => parameter.trainable);
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
    images,
    ...draws.inputs.map(({ tensor }) => tensor),
    ...(classLabels === undefined ? [] : [classLabels]),
    ...(conditions === undefined ? [] : [conditions]),
    scalars.keep,
    scalars.stepSize,
    scalars.biasCorrection2Sqrt,
    ...(average === null ? [] : [average.rate]),
  ];
  return {
    program: {
      name: "train step",
      inputs,
      outputs: [loss, norm, ...(byImage === null ? [] : [byImage])],
      updates,
    },
    network,
    expAvg,
    expAvgSq,
    ema: average?.weights ?? null,
    feeds: (given) => packFeeds(options, draws, given),
  };
}

function checkTrainable({ model, objective }: TrainStepOptions): void {
  const { inChannels, outChannels, timeEmbeddingType, numTrainTimesteps } = model.config;
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
  if (isFlow(objective)) {
    if (timeEmbeddingType !== "learned") return;
    throw new Error(
      "a learned time embedding has a row for each whole timestep, but those of a flow lie between; use positional",
    );
  }
  const { alphasCumprod, predictionType } = objective;
  if (timeEmbeddingType === "learned" && numTrainTimesteps !== alphasCumprod.length) {
    throw new Error(
      `the model's time embedding has ${numTrainTimesteps} rows, but the noise schedule has ${alphasCumprod.length} timesteps; make num_train_timesteps equal`,
    );
  }
  if (predictionType === "epsilon" && alphasCumprod.at(-1) === 0) {
    throw new Error(
      "epsilon says nothing of the image where the last timestep is pure noise (rescale_betas_zero_snr); use --prediction-type v_prediction or sample, or --no-rescale-betas-zero-snr",
    );
  }
}

/** The loss of one batch, shape [], and with importance sampling its terms by image before their factors, [N]. */
function diffusionLoss(
  { model, objective, minSnrGamma }: TrainStepOptions,
  images: Tensor,
  { noise, mixedNoise, timesteps: drawn, importance, context }: Draws,
  told: Pick<UNet2DInputs, "classLabels" | "addedEmbedding">,
): { loss: Tensor; byImage: Tensor | null } {
  const { timesteps, weight, ...scales } = batchLevels(objective, drawn, minSnrGamma);
  const noisy = addNoise(images, mixedNoise, scales);
  const prediction = model.forward(noisy, timesteps, { context, ...told });
  const target = predictionTarget(objective.predictionType, images, noise, scales);
  if (importance === null) return { loss: meanSquaredError(prediction, target, weight), byImage: null };
  const errors = squaredErrors(prediction, target);
  const byImage = weight === null ? errors : errors.mul(weight);
  return { loss: byImage.mul(importance).mean(), byImage };
}

function packFeeds(options: TrainStepOptions, draws: Draws, given: TrainStepFeeds): HostArray[] {
  const required = <T>(name: string, value: T | undefined): T => {
    if (value === undefined) throw new Error(`this training step wants to be fed ${name}`);
    return value;
  };
  const drawn = packDraws(draws, given);
  const labels =
    options.model.classLabelsFor(options.batchSize) === null
      ? []
      : [required("classLabels", given.classLabels)];
  const conditions = options.augmentEmbedding === undefined ? [] : [required("conditions", given.conditions)];
  const { keep, stepSize, biasCorrection2Sqrt } = adamwScalars(given.step, given.learningRate, options.adamw);
  const scalars = [keep, stepSize, biasCorrection2Sqrt];
  if (options.ema) scalars.push(1 - required("emaDecay", given.emaDecay));
  return [
    given.images,
    ...drawn,
    ...labels,
    ...conditions,
    ...scalars.map((value) => Float32Array.of(value)),
  ];
}
