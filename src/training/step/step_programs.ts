// A training step's programs on a backend: what a step computes, whether as one program or in parts.

import { type Backend, type Executable, readOutputs } from "../../engine/backend.ts";
import type { TrainState, TrainStep, TrainStepFeeds } from "./train_step.ts";

/** What one step gives. */
export interface StepNumbers {
  /** Mean over the whole batch. */
  readonly loss: number;
  /** Norm of the whole gradient before clipping. */
  readonly gradNorm: number;
  /** With importance sampling: the loss of each image of the whole batch, [N]. */
  readonly lossByImage: Float32Array | undefined;
}

export interface StepPrograms {
  /** Bytes of intermediate results. */
  readonly arenaBytes: number;
  /**
   * Computes a step.
   * @param feeds images and conditions of this process's share of the batch; draws of the whole batch
   */
  run(feeds: TrainStepFeeds): Promise<StepNumbers>;
  /** Frees the programs' memory. */
  dispose(): void;
}

/** Puts the state of a training step on a backend. */
export function uploadState(
  backend: Backend,
  { network, expAvg, expAvgSq, momentumBuffer, ema }: TrainState,
): void {
  for (const part of [network, expAvg, expAvgSq, momentumBuffer, ema]) part?.upload(backend);
}

/** Puts a training step on a backend. @throws MemoryError when it does not fit */
export async function compileWhole(backend: Backend, step: TrainStep): Promise<StepPrograms> {
  uploadState(backend, step);
  return new WholeStep(step, await backend.compile(step.program));
}

/** A step that is one program. */
class WholeStep implements StepPrograms {
  readonly #step: TrainStep;
  readonly #executable: Executable;

  constructor(step: TrainStep, executable: Executable) {
    this.#step = step;
    this.#executable = executable;
  }

  get arenaBytes(): number {
    return this.#executable.stats.arenaBytes;
  }

  async run(feeds: TrainStepFeeds): Promise<StepNumbers> {
    const run = this.#executable.begin(this.#step.feeds(feeds));
    const [[loss], [gradNorm]] = await readOutputs(run, 2);
    const hasLosses = this.#step.program.outputs.length > 2;
    return { loss, gradNorm, lossByImage: hasLosses ? await run.read(2) : undefined };
  }

  dispose(): void {
    this.#executable.dispose();
  }
}
