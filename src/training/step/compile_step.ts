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
 * Builds a training step and checks, before any computation, that it fits into memory.
 * @throws TrainingOptionError with the reason why it cannot be built, or the largest batch that fits
 */
export function buildFittingStep(backend: Backend, options: TrainStepOptions): TrainStep {
  const { step, need } = trainable(backend, options);
  const { needed, available } = need;
  if (needed <= available) return step;
  const batch = largestBatch(backend, options);
  const advice = batch === 0 ? "no batch fits; use a smaller model or size" : `--batch-size ${batch} fits`;
  const { message } = new MemoryError(`a batch of ${options.batchSize}`, needed, available);
  throw new TrainingOptionError(`${message}; ${advice}`);
}

function trainable(
  backend: Backend,
  options: TrainStepOptions,
): { readonly step: TrainStep; readonly need: MemoryNeed } {
  try {
    const step = buildTrainStep(options);
    return { step, need: backend.memory(step.program) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new TrainingOptionError(`this model cannot be trained so: ${problem}`, { cause: error });
  }
}

/** The largest smaller batch that fits; 0 when there is none. */
function largestBatch(backend: Backend, options: TrainStepOptions): number {
  let [fits, tooLarge] = [0, options.batchSize];
  while (tooLarge - fits > 1) {
    const batch = Math.floor((fits + tooLarge) / 2);
    const { program } = buildTrainStep({ ...options, batchSize: batch });
    const { needed, available } = backend.memory(program);
    if (needed <= available) fits = batch;
    else tooLarge = batch;
  }
  return fits;
}

/** Sets the state of a training step, except the network's weights, to its initial values. */
export function startState({ network, expAvg, expAvgSq, momentumBuffer, ema }: TrainStep): void {
  for (const moment of [expAvg, expAvgSq, momentumBuffer]) moment.setZero();
  ema?.loadStateDict(network.stateDict());
}
