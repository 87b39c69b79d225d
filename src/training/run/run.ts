// What follows a step when it is due: quality numbers, the grid of samples and the checkpoint.

import { files } from "#platform";
import { proportionalClasses } from "../../data/class_proportions.ts";
import { isClassConditional } from "../../models/denoiser.ts";
import { NotFiniteError } from "../../pipelines/errors.ts";
import { DivergenceError } from "../errors.ts";
import { divergence } from "./divergence.ts";
import type { RunPlan, Session } from "./open_run.ts";
import type { Quality } from "./quality.ts";
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
   * @returns false when it was interrupted again
   */
  async catchUp(step: number): Promise<boolean> {
    const { folder, settings } = this.#plan;
    const { sampleEvery, evalEvery } = settings;
    if (this.#isDue(step, evalEvery) && this.#session.metrics.unmeasuredStep === step) {
      if ((await this.#measure(step)) === undefined) return false;
    }
    if (!this.#isDue(step, sampleEvery)) return true;
    const wanted = step === settings.steps ? folder.finalSamples : folder.sampleGrid(step);
    return (await files.exists(wanted)) || (await this.#drawSamples(step)) !== undefined;
  }

  /**
   * Measures and draws what is due, then writes the checkpoint if one is due or the run is to stop.
   * @returns beside what was done, whether something due was left for when the run is resumed
   */
  async outcome(
    state: { readonly step: number; readonly epochLossSum: number },
    speed: Speedometer,
  ): Promise<StepOutcome & { readonly stops: boolean; readonly isLeft: boolean }> {
    const { steps, sampleEvery, evalEvery, checkpointEvery } = this.#plan.settings;
    const { step } = state;
    const evaluates = this.#isDue(step, evalEvery);
    const draws = this.#isDue(step, sampleEvery);
    // First: a run that has its last grid is finished, with all its numbers.
    const quality = evaluates ? await this.#measure(step, speed) : undefined;
    const samples = draws ? await speed.timeAside("samples", () => this.#drawSamples(step)) : undefined;
    // A stop that is asked for later than this ends the next step.
    const stops = this.#stop.aborted;
    // A run never ends without one.
    const saves = stops || step === steps || this.#isDue(step, checkpointEvery);
    const checkpoint = saves
      ? await speed.timeAside("checkpoint", () => this.#writeCheckpoint(state))
      : undefined;
    return {
      stops,
      isLeft: (evaluates && quality === undefined) || (draws && samples === undefined),
      ...(quality && { quality }),
      ...(samples !== undefined && { samples }),
      ...(checkpoint !== undefined && { checkpoint }),
    };
  }

  /** Every so many steps, and after the last one; with 0 never. */
  #isDue(step: number, every: number): boolean {
    return every > 0 && (step === this.#plan.settings.steps || step % every === 0);
  }

  /** Measures the quality of the model's images and adds it to the record of the step. */
  #measure(step: number, speed?: Speedometer): Promise<Quality | undefined> {
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
    return this.#unlessStopped(step, async () => {
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
    const targets = step === settings.steps ? [file, folder.finalSamples] : [file];
    return this.#unlessStopped(step, async () => {
      await this.#session.writer.drawSamples(targets, this.#stop);
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
  async #unlessStopped<T>(step: number, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (this.#stop.aborted && error === this.#stop.reason) return undefined;
      if (!(error instanceof NotFiniteError)) throw error;
      const { folder, settings } = this.#plan;
      throw await divergence(folder, settings, step, `the images drawn after step ${step} are not finite`);
    }
  }
}
