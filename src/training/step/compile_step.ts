// Puts a training step on a backend, and finds the largest batch that fits into memory.

import { type Backend, type Executable, MemoryError, type MemoryNeed } from "../../engine/backend.ts";
import { TrainingOptionError } from "../errors.ts";
import { buildTrainStep, type TrainStep, type TrainStepOptions } from "./train_step.ts";

/** Puts the state of a training step on a backend and compiles it. @throws MemoryError when it does not fit */
export async function compileTrainStep(
  backend: Backend,
  { program, network, expAvg, expAvgSq, momentumBuffer, ema }: TrainStep,
): Promise<Executable> {
  for (const part of [network, expAvg, expAvgSq, momentumBuffer]) part.upload(backend);
  ema?.upload(backend);
  return backend.compile(program);
}

/**
 * Checks, before any computation, that a training step can be built and fits into memory.
 * @throws TrainingOptionError with the reason, or the largest batch that fits
 */
export function checkStep(backend: Backend, options: TrainStepOptions): void {
  const { needed, available } = trainableMemory(backend, options);
  if (needed <= available) return;
  const batch = largestBatch(backend, options, available);
  const advice = batch === 0 ? "no batch fits; use a smaller model or size" : `--batch-size ${batch} fits`;
  const { message } = new MemoryError(`a batch of ${options.batchSize}`, needed, available);
  throw new TrainingOptionError(`${message}; ${advice}`);
}

function trainableMemory(backend: Backend, options: TrainStepOptions): MemoryNeed {
  try {
    return memoryOf(backend, options, options.batchSize);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new TrainingOptionError(`this model cannot be trained so: ${problem}`, { cause: error });
  }
}

function memoryOf(backend: Backend, options: TrainStepOptions, batchSize: number): MemoryNeed {
  return backend.memory(buildTrainStep({ ...options, batchSize }).program);
}

/** The largest smaller batch that fits; 0 when there is none. */
function largestBatch(backend: Backend, options: TrainStepOptions, available: number): number {
  const need = (batchSize: number) => memoryOf(backend, options, batchSize).needed;
  const few = Math.min(8, options.batchSize);
  const single = need(1);
  if (few === 1 || single > available) return 0;
  // Memory grows almost linearly with the batch, so a straight line gives a first estimate.
  const perImage = (need(few) - single) / (few - 1);
  let batch = Math.min(options.batchSize - 1, Math.floor(1 + (available - single) / perImage));
  while (need(batch) > available) batch = Math.floor(batch * 0.97);
  return batch;
}

/** Sets the state of a training step, except the network's weights, to its initial values. */
export function startState({ network, expAvg, expAvgSq, momentumBuffer, ema }: TrainStep): void {
  for (const moment of [expAvg, expAvgSq, momentumBuffer]) moment.setZero();
  ema?.loadStateDict(network.stateDict());
}
