// A training step on a backend: its state, and what to do when a batch does not fit into memory.

import type { Backend, Executable } from "../engine/backend.ts";
import { MemoryError } from "../engine/backends/cpu/allocator.ts";
import { type BackendOptions, createBackend } from "../engine/backends/create.ts";
import type { UNet2DModel } from "../models/unet_2d_model.ts";
import { TrainingOptionError } from "./errors.ts";
import { buildTrainStep, type TrainStep, type TrainStepOptions } from "./train_step.ts";

/** Puts the state of a training step on a backend and compiles it. @throws MemoryError when it does not fit */
export async function compileTrainStep(
  backend: Backend,
  model: UNet2DModel,
  { program, expAvg, expAvgSq, ema }: TrainStep,
): Promise<Executable> {
  for (const part of [model, expAvg, expAvgSq]) part.upload(backend);
  ema?.upload(backend);
  return backend.compile(program);
}

/**
 * Compiles a training step, and answers a lack of memory with the largest batch that fits.
 * @throws TrainingOptionError, in one line, in place of a MemoryError
 */
export async function explainMemory<T>(
  backendOptions: BackendOptions,
  options: TrainStepOptions,
  compile: () => Promise<T>,
): Promise<T> {
  try {
    return await compile();
  } catch (error) {
    if (!(error instanceof MemoryError)) throw error;
    const batch = await largestBatch(backendOptions, options);
    const advice = batch === 0 ? "no batch fits; use a smaller model or size" : `--batch-size ${batch} fits`;
    throw new TrainingOptionError(
      `a batch of ${options.batchSize} needs more memory than there is (${error.message}); ${advice}`,
      { cause: error },
    );
  }
}

/** The largest batch below the one asked for that can be compiled; 0 when there is none. */
async function largestBatch(backendOptions: BackendOptions, options: TrainStepOptions): Promise<number> {
  let fits = 0;
  let fails = options.batchSize;
  while (fails - fits > 1) {
    const batchSize = Math.floor((fits + fails) / 2);
    if (await canCompile(backendOptions, { ...options, batchSize })) fits = batchSize;
    else fails = batchSize;
  }
  return fits;
}

/** Tries on a backend of its own, so that one try leaves nothing behind for the next. */
async function canCompile(backendOptions: BackendOptions, options: TrainStepOptions): Promise<boolean> {
  const backend = await createBackend(backendOptions);
  try {
    await compileTrainStep(backend, options.model, startState(options));
    return true;
  } catch (error) {
    if (error instanceof MemoryError) return false;
    throw error;
  } finally {
    await backend.close();
  }
}

/** A training step with its state at its start. */
export function startState(options: TrainStepOptions): TrainStep {
  const trainStep = buildTrainStep(options);
  trainStep.expAvg.setZero();
  trainStep.expAvgSq.setZero();
  trainStep.ema?.loadStateDict(options.model.stateDict());
  return trainStep;
}
