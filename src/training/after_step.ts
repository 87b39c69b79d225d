// What follows a step when it is due: quality numbers, the grid of samples and the checkpoint.

import { existsSync } from "node:fs";
import { proportionalClasses } from "../data/class_proportions.ts";
import { isClassConditional } from "./class_labels.ts";
import { divergence } from "./divergence.ts";
import { DivergenceError } from "./errors.ts";
import type { Quality } from "./quality.ts";
import type { RunPlan, Session } from "./session.ts";
import type { Speedometer } from "./speedometer.ts";

/** What was found and written after a step. */
export interface StepOutcome {
  /** How far the model's images are from the data, measured after this step. */
  readonly quality?: Quality;
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
   * A run that was interrupted while it measured its quality or drew a grid has a checkpoint of that step without them.
   * @param step the one that the run goes on from
   */
  async catchUp(step: number): Promise<void> {
    const { folder, settings } = this.#plan;
    if (this.#isEvaluated(step) && this.#session.metrics.unmeasuredStep === step) await this.#measure();
    if (!this.#isDue(step, settings.sampleEvery)) return;
    const wanted = step === settings.steps ? folder.finalSamples : folder.sampleGrid(step);
    if (!existsSync(wanted)) await this.#drawSamples(step);
  }

  /** Measures and draws what is due, then writes the checkpoint if one is due or the run is to stop. */
  async outcome(
    state: { readonly step: number; readonly epochLossSum: number },
    speed: Speedometer,
  ): Promise<StepOutcome & { readonly stops: boolean }> {
    const { sampleEvery, checkpointEvery } = this.#plan.settings;
    const { step } = state;
    // First: a run that has its last grid is finished, with all its numbers.
    const quality = this.#isEvaluated(step) ? await this.#measure(speed) : undefined;
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
      ...(quality && { quality }),
      ...(samples !== undefined && { samples }),
      ...(checkpoint !== undefined && { checkpoint }),
    };
  }

  /** Every so many steps, and after the last one. */
  #isDue(step: number, every: number): boolean {
    return step === this.#plan.settings.steps || (every > 0 && step % every === 0);
  }

  #isEvaluated(step: number): boolean {
    const { evalEvery } = this.#plan.settings;
    return evalEvery > 0 && this.#isDue(step, evalEvery);
  }

  /** Measures the quality of the model's images and adds it to the record of the step. */
  #measure(speed?: Speedometer): Promise<Quality | undefined> {
    const { onStage, data, model } = this.#plan.options;
    const { evalCount } = this.#plan.settings;
    const { writer, quality: meter, metrics } = this.#session;
    const signal = this.#stop;
    const measure = async (): Promise<Quality> => {
      onStage?.("quality", 0);
      const onProgress = (share: number) => onStage?.("quality", share);
      // As many of each class as the data has: it is compared with as a whole.
      const classLabels =
        data.labels && isClassConditional(model) ? proportionalClasses(data.labels.of, evalCount) : undefined;
      const images = await writer.drawImages(evalCount, { classLabels, signal, onProgress });
      return meter.measure(images, { signal });
    };
    return this.#unlessStopped(async () => {
      if (!meter.isReady) {
        onStage?.("data features");
        // Once in a run: it says nothing of how long the next measurement takes.
        await meter.prepare({ signal });
      }
      const quality = speed ? await speed.timeAside("quality", measure) : await measure();
      metrics.addQuality(quality);
      return quality;
    });
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
