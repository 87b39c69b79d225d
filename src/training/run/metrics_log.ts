// The file metrics.jsonl: one JSON object per training step, appended immediately.

import * as v from "valibot";
import { files } from "#platform";
import { explainSystemError } from "../../platform/errors.ts";
import type { Permit, SyncFile } from "../../platform/platform.ts";
import {
  type KeepOptions,
  type KeptRecords,
  keepRecords,
  parseJson,
  recordEntries,
} from "./metrics_repair.ts";
import type { Quality } from "./quality.ts";

/** The record of one step. Only `seconds` and `imagesPerSecond` differ between equal runs. */
export interface StepMetrics {
  /** Steps done, from 1. */
  readonly step: number;
  /** The epoch of this step, from 1. */
  readonly epoch: number;
  /** Mean loss of the batch, weighted as the settings say. */
  readonly loss: number;
  /** The learning rate of this step. */
  readonly learningRate: number;
  /** Norm of the whole gradient before clipping. */
  readonly gradNorm: number;
  /** The factor of the loss in fp16, which keeps small gradients from becoming 0. */
  readonly lossScale?: number;
  /** Speed of the last steps, without the work between them. */
  readonly imagesPerSecond: number;
  /** Training time since the run began, over all resumptions. */
  readonly seconds: number;
  /** Mean loss of the epoch, on its last step. */
  readonly epochLoss?: number;
  /** Distance of the model's images from the data, if measured after the step. */
  readonly quality?: Quality;
}

/** A record with the file's names (snake_case). */
export function metricsToJson(metrics: StepMetrics): Record<string, number> {
  return {
    step: metrics.step,
    epoch: metrics.epoch,
    loss: metrics.loss,
    lr: metrics.learningRate,
    grad_norm: metrics.gradNorm,
    ...(metrics.lossScale !== undefined && { loss_scale: metrics.lossScale }),
    images_per_second: round(metrics.imagesPerSecond, 2),
    seconds: round(metrics.seconds, 3),
    ...(metrics.epochLoss === undefined ? {} : { epoch_loss: metrics.epochLoss }),
    ...(metrics.quality && qualityToJson(metrics.quality)),
  };
}

/** Quality numbers with the file's names. */
export const qualityToJson = ({ patchFd, patchKd }: Quality): Record<"patch_fd" | "patch_kd", number> => ({
  patch_fd: patchFd,
  patch_kd: patchKd,
});

const lossSchema = v.looseObject({
  ...recordEntries,
  epoch: v.pipe(v.number(), v.integer(), v.minValue(1)),
  loss: v.pipe(v.number(), v.finite()),
});
const utf8 = new TextEncoder();
/** The end of every appended record. */
const RECORD_END = "}\n";

/** The fields for a loss curve. */
export type LossRecord = Pick<StepMetrics, "step" | "epoch" | "loss" | "seconds">;

/**
 * Reads the losses in a metrics.jsonl one by one; lines that are not records of steps are skipped.
 * @throws FileError when the file cannot be read
 */
export async function* readLosses(path: string): AsyncGenerator<LossRecord> {
  try {
    for await (const line of files.lines(path)) {
      const record = v.safeParse(lossSchema, parseJson(line));
      if (record.success) yield record.output;
    }
  } catch (error) {
    throw explainSystemError(error, "read the file", path);
  }
}

/** Appends to a metrics.jsonl. Each record is passed to the system immediately, so a killed process loses none. */
export class MetricsLog {
  readonly #path: string;
  readonly #permit: Permit;
  readonly #file: SyncFile;
  #size: number;
  /** `seconds` of the last kept record; 0 without one. */
  readonly secondsBefore: number;
  /** The step of the last kept record, if it has no quality numbers. */
  readonly unmeasuredStep: number | undefined;

  private constructor(
    path: string,
    permit: Permit,
    { size, seconds, unmeasuredStep }: KeptRecords,
    file: SyncFile,
  ) {
    this.#path = path;
    this.#permit = permit;
    this.#file = file;
    this.#size = size;
    this.secondsBefore = seconds;
    this.unmeasuredStep = unmeasuredStep;
  }

  /**
   * Opens or creates the file and drops every record after step `keepThrough`.
   * @param options `permit` is also called before each record
   * @throws FileError when the system refuses
   */
  static async open(path: string, keepThrough: number, options: KeepOptions): Promise<MetricsLog> {
    const kept = await keepRecords(path, keepThrough, options);
    try {
      return new MetricsLog(path, options.permit, kept, await files.openSync(path, "r+"));
    } catch (error) {
      throw explainSystemError(error, "write the file", path);
    }
  }

  /** @throws FileError when the disk is full, ... */
  append(metrics: StepMetrics): void {
    this.#write(`${JSON.stringify(metricsToJson(metrics))}\n`, this.#size);
  }

  /**
   * Adds quality numbers to the last record, in one write: a killed process leaves it unchanged or complete.
   * @throws FileError
   */
  addQuality(quality: Quality): void {
    this.#write(`,${JSON.stringify(qualityToJson(quality)).slice(1)}\n`, this.#size - RECORD_END.length);
  }

  /** Makes everything appended so far durable. */
  async sync(): Promise<void> {
    try {
      await this.#file.sync();
    } catch (error) {
      throw explainSystemError(error, "write the file", this.#path);
    }
  }

  async close(): Promise<void> {
    try {
      await this.#file.close();
    } catch (error) {
      throw explainSystemError(error, "write the file", this.#path);
    }
  }

  /** Replaces the end of the file, all of it or nothing. */
  #write(text: string, from: number): void {
    this.#permit();
    const bytes = utf8.encode(text);
    this.#explained(() => {
      try {
        // The system may write only a part when the disk or the user's limit is reached.
        for (let done = 0; done < bytes.length; ) {
          done += this.#file.write(bytes.subarray(done), from + done);
        }
        this.#size = from + bytes.length;
      } catch (error) {
        this.#takeBack(from);
        throw error;
      }
    });
  }

  /** Restores the file after a failed write at `from`. */
  #takeBack(from: number): void {
    try {
      this.#file.truncate(this.#size);
      if (from < this.#size) this.#file.write(utf8.encode(RECORD_END), from);
    } catch {
      // The error of the write is reported; an incomplete record is dropped when the run is resumed.
    }
  }

  #explained<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explainSystemError(error, "write the file", this.#path);
    }
  }
}

function round(x: number, digits: number): number {
  return Number(x.toFixed(digits));
}
