// One training step as one program: draw timesteps and noise, add noise to the images, predict, loss, gradients, clip,
// optimizer, moving average (Ho et al. 2020, algorithm 1). The objective is in objective.ts, the draws in draws.ts, the
// optimizer in optimizer.ts.

import { CONDITION_SIZE } from "../../data/augment/edm.ts";
import type { HostArray, ProgramSpec } from "../../engine/backend.ts";
import { DEFAULT_PRECISION, inPrecision, type Precision } from "../../engine/precision.ts";
import { concat, full, grad, type Tensor, variable } from "../../engine/tensor.ts";
import { type Conditions, type DenoiserInputs, mapConditions } from "../../models/denoiser.ts";
import { clipCoefficient, globalNorm } from "../../nn/clip_grad_norm.ts";
import type { Module } from "../../nn/module.ts";
import { ModuleGroup } from "../../nn/module_group.ts";
import type { Parameter } from "../../nn/parameter.ts";
import { Shadow } from "../../nn/shadow.ts";
import type { AugmentEmbedding } from "./augment_embedding.ts";
import { type DrawFeeds, type DrawOptions, type Draws, imageShape, makeDraws, required } from "./draws.ts";
import { emaUpdate } from "./ema.ts";
import { addNoise, meanSquaredError, predictionTarget, squaredErrors } from "./losses.ts";
import { batchLevels, isFlow, type LossWeighting } from "./objective.ts";
import { Optimizer, type OptimizerMoments, type OptimizerOptions } from "./optimizer.ts";
import { ProgramInputs } from "./program_inputs.ts";

/** Options of a training step. */
export interface TrainStepOptions extends DrawOptions, OptimizerOptions, LossWeighting {
  /** Gradients are clipped to this norm; null disables clipping. */
  readonly maxGradNorm: number | null;
  /** Whether to keep an average of the weights. */
  readonly ema: boolean;
  /** Default fp32. In fp16 the loss is scaled, and a step whose gradient is not finite changes nothing. */
  readonly precision?: Precision;
  /** Embeds the augmentation of images, and is trained with the model. Default none. */
  readonly augmentEmbedding?: AugmentEmbedding;
}

/** The inputs of one step, including the model's conditions, see its `conditionsFor`. */
export interface TrainStepFeeds extends DrawFeeds, Conditions<HostArray> {
  /** [N, H, W, C] in the model's space: -1 to 1, or a codec's output. */
  readonly images: Float32Array;
  /** For `augmentEmbedding`: [N, 9], see `edmCondition`. */
  readonly conditions?: Float32Array;
  /** Optimizer steps done before this one. */
  readonly step: number;
  /** η of this step. */
  readonly learningRate: number;
  /** For fp16: the factor of the loss in its gradients, a power of 2. */
  readonly lossScale?: number;
  /** For `ema`: the decay, the share of the old average that is kept. */
  readonly emaDecay?: number;
}

/** The state that a training step changes. */
export interface TrainState extends OptimizerMoments {
  /** All trained modules: the model, and those that only training has. */
  readonly network: Module;
  /** The average of all parameters, or null. Start: loaded from the network's state dict. */
  readonly ema: Shadow | null;
}

/** A training step with its state. */
export interface TrainStep extends TrainState {
  /**
   * Inputs: images; those of the draws; the model's conditions, and the augmentation condition, if any; in fp16 the
   * loss scale; the optimizer's scalars; ema rate if any.
   * Outputs: loss [], the gradients' norm [] before clipping, and for loss-second-moment each image's loss [N] before
   * its factor.
   * Updates: weights, moments, average.
   */
  readonly program: ProgramSpec;
  /** Packs the inputs of one run in the program's order. @throws Error when one is missing */
  feeds(feeds: TrainStepFeeds): HostArray[];
}

/**
 * A training step as two programs, so that gradients can be processed in between, for example summed over machines. Run
 * in turn, they give the same bits as the one program.
 */
export interface SplitTrainStep extends TrainState {
  /** Inputs: images to conditions. Outputs: loss [], and each image's loss [N] where there is one. Updates: the region. */
  readonly gradients: ProgramSpec;
  /** Inputs: the optimizer's scalars to ema rate. Outputs: the gradients' norm []. Reads the region; updates weights, moments, average. */
  readonly update: ProgramSpec;
  /** All gradients concatenated, in the order of the trainable parameters, each in its layout. Start: zeros. */
  readonly region: Tensor;
  /** Packs the inputs of the two programs. @throws Error when one is missing */
  feeds(feeds: TrainStepFeeds): { readonly gradients: HostArray[]; readonly update: HostArray[] };
}

/**
 * Traces a training step as one program.
 * @throws Error for a model or options that cannot be trained, ShapeError when the size does not fit the model
 */
export function buildTrainStep(options: TrainStepOptions): TrainStep {
  const inputs = new ProgramInputs<TrainStepFeeds>();
  const { loss, byImage, gradients, trainable, network } = traceGradients(options, inputs);
  const { norm, updates, state } = traceUpdate(options, inputs, network, trainable, gradients);
  const outputs = [loss, norm, ...(byImage === null ? [] : [byImage])];
  return {
    program: { name: "train step", inputs: inputs.tensors, outputs, updates },
    ...state,
    feeds: (given) => inputs.pack(given),
  };
}

/** Options of a training step as two programs. */
export interface SplitTrainStepOptions extends TrainStepOptions {
  /** The update takes the region for a sum over so many equal parts of the batch. Default 1. */
  readonly parts?: number;
}

/**
 * Traces a training step as two programs.
 * @throws as `buildTrainStep`
 */
export function buildSplitTrainStep(options: SplitTrainStepOptions): SplitTrainStep {
  const [first, second] = [new ProgramInputs<TrainStepFeeds>(), new ProgramInputs<TrainStepFeeds>()];
  const { loss, byImage, gradients, trainable, network } = traceGradients(options, first);
  const sizes = trainable.map(([, { size }]) => size);
  const region = variable([sizes.reduce((total, size) => total + size, 0)], "gradients");
  const flat = concat(
    gradients.map((gradient, i) => gradient.reshape([sizes[i]])),
    0,
  );
  const { parts = 1 } = options;
  let start = 0;
  const read = trainable.map(([, { shape, size }]) => {
    const gradient = region.slice([start], [size]).reshape(shape);
    start += size;
    return parts === 1 ? gradient : gradient.mul(1 / parts);
  });
  const { norm, updates, state } = traceUpdate(options, second, network, trainable, read);
  return {
    gradients: {
      name: "gradients",
      inputs: first.tensors,
      outputs: [loss, ...(byImage === null ? [] : [byImage])],
      updates: [{ target: region, value: flat }],
    },
    update: { name: "update", inputs: second.tensors, outputs: [norm], updates },
    region,
    ...state,
    feeds: (given) => ({ gradients: first.pack(given), update: second.pack(given) }),
  };
}

type Trainable = readonly (readonly [name: string, parameter: Parameter])[];

/** Computes the gradient of each trainable parameter from images. */
function traceGradients(options: TrainStepOptions, inputs: ProgramInputs<TrainStepFeeds>) {
  const { model, augmentEmbedding, batchSize, precision = DEFAULT_PRECISION } = options;
  checkTrainable(options);
  const network = new ModuleGroup([model, ...(augmentEmbedding === undefined ? [] : [augmentEmbedding])]);
  const images = inputs.add("images", imageShape(options), "f32", ({ images }) => images);
  const draws = makeDraws(options, inputs);
  const conditioned = mapConditions(model.conditionsFor(batchSize), ({ shape, dtype }, name) =>
    inputs.add(name, shape, dtype, (given) => required(name, given[name])),
  );
  const conditions =
    augmentEmbedding === undefined
      ? undefined
      : inputs.add("conditions", [batchSize, CONDITION_SIZE], "f32", (given) =>
          required("conditions", given.conditions),
        );
  const { loss, byImage } = diffusionLoss(options, images, draws, {
    ...conditioned,
    ...(augmentEmbedding !== undefined &&
      conditions !== undefined && { addedEmbedding: augmentEmbedding.forward(conditions) }),
  });
  const trainable: Trainable = [...network.namedParameters()].filter(([, parameter]) => parameter.trainable);
  const parameters = trainable.map(([, parameter]) => parameter.tensor);
  if (precision === "fp32") {
    return { loss, byImage, gradients: grad(loss, parameters), trainable, network };
  }
  const scale = inputs.scalar("lossScale", ({ lossScale }) => required("lossScale", lossScale));
  const values = [loss, ...grad(loss.mul(scale), parameters), ...(byImage === null ? [] : [byImage])];
  const [narrow, ...others] = inPrecision(values, precision);
  const gradients = others.slice(0, parameters.length).map((g) => g.mul(full(1, []).div(scale)));
  return { loss: narrow, byImage: byImage && others[parameters.length], gradients, trainable, network };
}

/** Computes new weights, moments and averages from gradients. */
function traceUpdate(
  options: TrainStepOptions,
  inputs: ProgramInputs<TrainStepFeeds>,
  network: Module,
  trainable: Trainable,
  gradients: readonly Tensor[],
) {
  const optimizer = new Optimizer(options, inputs, network);
  const average = options.ema
    ? {
        weights: new Shadow(network, "all"),
        rate: inputs.scalar("emaRate", ({ emaDecay }) => 1 - required("emaDecay", emaDecay)),
      }
    : null;
  const norm = globalNorm(gradients);
  const clip = options.maxGradNorm === null ? null : clipCoefficient(norm, options.maxGradNorm);
  const isUsed = options.precision === "fp16" ? norm.isFinite() : null;
  const updates = trainable.flatMap(([name, { tensor }], i) => {
    const gradient = clip === null ? gradients[i] : gradients[i].mul(clip);
    const after = optimizer.update(name, tensor, gradient);
    if (average === null) return after.updates;
    const target = average.weights.tensor(name);
    return [...after.updates, { target, value: emaUpdate(target, after.weight, average.rate) }];
  });
  const kept = updates.map(({ target, value }) => ({
    target,
    value: isUsed === null ? value : isUsed.where(value, target),
  }));
  return { norm, updates: kept, state: { network, ...optimizer.moments, ema: average?.weights ?? null } };
}

function checkTrainable({ model, objective }: TrainStepOptions): void {
  const { inChannels, outChannels, timesteps } = model;
  if (inChannels !== outChannels) {
    throw new Error(
      `training wants as many out_channels as in_channels, got ${outChannels} and ${inChannels}`,
    );
  }
  if (timesteps.type === "fourier") {
    throw new Error(
      "a fourier time embedding wants noise levels, but training draws timesteps from 0; use positional or learned",
    );
  }
  if (isFlow(objective)) {
    if (timesteps.type !== "learned") return;
    throw new Error(
      "a learned time embedding has a row for each whole timestep, but those of a flow lie between; use positional",
    );
  }
  const { alphasCumprod, predictionType } = objective;
  if (timesteps.type === "learned" && timesteps.rows !== alphasCumprod.length) {
    throw new Error(
      `the model's time embedding has ${timesteps.rows} rows, but the noise schedule has ${alphasCumprod.length} timesteps; make num_train_timesteps equal`,
    );
  }
  if (predictionType === "epsilon" && alphasCumprod.at(-1) === 0) {
    throw new Error(
      "epsilon says nothing of the image where the last timestep is pure noise (rescale_betas_zero_snr); use --prediction-type v_prediction or sample, or --no-rescale-betas-zero-snr",
    );
  }
}

/** The loss of one batch, shape [], and with importance sampling its terms per image before their factors, [N]. */
function diffusionLoss(
  { model, objective, minSnrGamma, lossType = null }: TrainStepOptions,
  images: Tensor,
  { noise, mixedNoise, timesteps: drawn, importance, context }: Draws,
  conditioned: Omit<DenoiserInputs, "context">,
): { loss: Tensor; byImage: Tensor | null } {
  const { timesteps, weight, ...scales } = batchLevels(objective, drawn, { minSnrGamma, lossType });
  const noisy = addNoise(images, mixedNoise, scales);
  const prediction = model.forward(noisy, timesteps, { context, ...conditioned });
  const target = predictionTarget(objective.predictionType, images, noise, scales);
  if (importance === null) return { loss: meanSquaredError(prediction, target, weight), byImage: null };
  const errors = squaredErrors(prediction, target);
  const byImage = weight === null ? errors : errors.mul(weight);
  return { loss: byImage.mul(importance).mean(), byImage };
}
