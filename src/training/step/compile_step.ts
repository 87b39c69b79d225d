// Puts a training step on a backend, and finds the largest batch that fits into memory.

import type { Communicator } from "../../distributed/communicator.ts";
import { type Backend, MemoryError, type MemoryNeed } from "../../engine/backend.ts";
import * as exact from "../../engine/math/index.ts";
import { numel } from "../../engine/shape.ts";
import { TrainingOptionError } from "../errors.ts";
import type { BatchShare } from "./batch_share.ts";
import { compileSplit } from "./split_programs.ts";
import { compileWhole, type StepPrograms } from "./step_programs.ts";
import {
  buildSplitTrainStep,
  buildTrainStep,
  type SplitTrainStep,
  type TrainState,
  type TrainStep,
  type TrainStepOptions,
} from "./train_step.ts";

/** A training step as one program or in parts. */
export type AnyTrainStep = TrainStep | SplitTrainStep;

/** Puts a training step on a backend. @throws MemoryError when it does not fit */
export function compileTrainStep(
  backend: Backend,
  step: AnyTrainStep,
  share: BatchShare,
  communicator: Communicator,
): Promise<StepPrograms> {
  if ("program" in step) return compileWhole(backend, step);
  return compileSplit(backend, step, { share, communicator });
}

/**
 * Builds a training step as one program and checks, before any computation, that it fits into memory.
 * @throws TrainingOptionError with the reason why it cannot be built, or the largest batch that fits
 */
export function buildFittingStep(backend: Backend, options: TrainStepOptions): TrainStep {
  const { step, need } = trainable(() => wholeStep(backend, options));
  const { needed, available } = need;
  if (needed <= available) return step;
  const batch = largestBatch(options.batchSize, (batchSize) => wholeStep(backend, { ...options, batchSize }));
  const { message } = new MemoryError(`a batch of ${options.batchSize}`, needed, available);
  const advice = batch === 0 ? "no batch fits; use a smaller model or size" : `--batch-size ${batch} fits`;
  throw new TrainingOptionError(`${message}; ${advice}`);
}

/**
 * Builds a training step in parts, as `buildFittingStep` does.
 * @param options of a microbatch of `share`
 * @throws TrainingOptionError with the reason why it cannot be built, or the largest microbatch that fits
 */
export function buildFittingSplit(
  backend: Backend,
  options: TrainStepOptions,
  share: BatchShare,
): SplitTrainStep {
  const build = (size: number) => splitStep(backend, options, { ...share, microbatch: size });
  const { microbatch } = share;
  const { step, need } = trainable(() => build(microbatch));
  const { needed, available } = need;
  if (needed <= available) return step;
  let fits = microbatch - 1;
  while (fits > 0 && !(microbatch % fits === 0 && isFitting(build(fits)))) fits--;
  const { message } = new MemoryError(`a microbatch of ${microbatch}`, needed, available);
  const advice = fits === 0 ? "none fits; use a smaller model or size" : `--microbatch ${fits} fits`;
  throw new TrainingOptionError(`${message}; ${advice}`);
}

interface Built<S> {
  readonly step: S;
  readonly need: MemoryNeed;
}

function wholeStep(backend: Backend, options: TrainStepOptions): Built<TrainStep> {
  const step = buildTrainStep(options);
  return { step, need: backend.memory(step.program) };
}

function splitStep(backend: Backend, options: TrainStepOptions, share: BatchShare): Built<SplitTrainStep> {
  const { wholeBatch, microbatch, own } = share;
  const parts = wholeBatch / microbatch;
  const step = buildSplitTrainStep({ ...options, batchSize: microbatch, wholeBatch, parts });
  const [gradients, update] = [backend.memory(step.gradients), backend.memory(step.update)];
  const region = 4 * numel(step.region.shape);
  const sums = Math.ceil(exact.log2(own.count / microbatch)) * region;
  // Both programs count the region and the weights, which are as large.
  const needed = gradients.needed + update.needed - 2 * region + sums;
  return { step, need: { needed, available: gradients.available } };
}

function trainable<S>(build: () => S): S {
  try {
    return build();
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new TrainingOptionError(`this model cannot be trained so: ${problem}`, { cause: error });
  }
}

/** The largest batch below `tooLarge` that fits; 0 when there is none. */
function largestBatch(tooLarge: number, build: (size: number) => Built<unknown>): number {
  let [fits, above] = [0, tooLarge];
  while (above - fits > 1) {
    const size = Math.floor((fits + above) / 2);
    if (isFitting(build(size))) fits = size;
    else above = size;
  }
  return fits;
}

const isFitting = ({ need }: Built<unknown>): boolean => need.needed <= need.available;

/** Sets the state of a training step, except the network's weights, to its initial values. */
export function startState({ network, expAvg, expAvgSq, momentumBuffer, ema }: TrainState): void {
  for (const moment of [expAvg, expAvgSq, momentumBuffer]) moment.setZero();
  ema?.setTo(network);
}
