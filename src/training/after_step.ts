// What follows a step when it is due: the grid of samples and the checkpoint.

import { existsSync } from "node:fs";
import { divergence } from "./divergence.ts";
import { DivergenceError } from "./errors.ts";
import type { RunPlan, Session } from "./session.ts";
import type { Speedometer } from "./speedometer.ts";

/** What was written after a step. */
export interface StepOutcome {
  /** The grid of samples that was drawn after this step. */
  readonly samples?: string;
  /** The checkpoint that was written after this step. */
  readonly checkpoint?: string;
}

export class AfterStep {
  readonly #plan: RunPlan;
  readonly #session: Session;
  readonly #stop: AbortSignal;

  /** @param stop ends what can be done again when the run is resumed, and asks for a checkpoint */
  constructor(plan: RunPlan, session: Session, stop: AbortSignal) {
    this.#plan = plan;
    this.#session = session;
    this.#stop = stop;
  }

  /**
   * A run that was interrupted while it drew a grid has a checkpoint of that step without it.
   * @param step the one that the run goes on from
   */
  async catchUp(step: number): Promise<void> {
    const { folder, settings } = this.#plan;
    if (!this.#isDue(step, settings.sampleEvery)) return;
    const wanted = step === settings.steps ? folder.finalSamples : folder.sampleGrid(step);
    if (!existsSync(wanted)) await this.#drawSamples(step);
  }

  /** Draws what is due, then writes the checkpoint if one is due or the run is to stop. */
  async outcome(
    state: { readonly step: number; readonly epochLossSum: number },
    speed: Speedometer,
  ): Promise<StepOutcome & { readonly stops: boolean }> {
    const { sampleEvery, checkpointEvery } = this.#plan.settings;
    const { step } = state;
    const samples = this.#isDue(step, sampleEvery)
      ? await speed.timeAside("samples", () => this.#drawSamples(step))
      : undefined;
    // A stop that is asked for later than this ends the next step.
    const stops = this.#stop.aborted;
    const checkpoint =
      stops || this.#isDue(step, checkpointEvery)
        ? await speed.timeAside("checkpoint", () => this.#writeCheckpoint(state))
        : undefined;
    return {
      stops,
      ...(samples !== undefined && { samples }),
      ...(checkpoint !== undefined && { checkpoint }),
    };
  }

  /** Every so many steps, and after the last one. */
  #isDue(step: number, every: number): boolean {
    return step === this.#plan.settings.steps || (every > 0 && step % every === 0);
  }

  #drawSamples(step: number): Promise<string | undefined> {
    const { folder, settings, options } = this.#plan;
    options.onStage?.("samples");
    const file = folder.sampleGrid(step);
    const files = step === settings.steps ? [file, folder.finalSamples] : [file];
    return this.#unlessStopped(async () => {
      await this.#session.writer.drawSamples(files, this.#stop);
      return file;
    });
  }

  async #writeCheckpoint(state: { readonly step: number; readonly epochLossSum: number }): Promise<string> {
    const { options, folder, settings } = this.#plan;
    const { metrics, timesteps, writer } = this.#session;
    options.onStage?.("checkpoint");
    metrics.sync();
    try {
      return await writer.writeCheckpoint({
        ...state,
        ...(timesteps !== null && { timestepLosses: timesteps.state() }),
      });
    } catch (error) {
      throw error instanceof DivergenceError
        ? await divergence(folder, settings, error.step, error.message)
        : error;
    }
  }

  /** Interrupted: the checkpoint matters more, and the work is done when the run is resumed. */
  async #unlessStopped<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (this.#stop.aborted && error === this.#stop.reason) return undefined;
      throw error;
    }
  }
}
