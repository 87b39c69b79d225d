// The file metrics.jsonl: one JSON object for each training step, appended as it happens.

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

/** What is recorded of one step. `seconds` and `imagesPerSecond` are the only fields that differ between equal runs. */
export interface StepMetrics {
  /** Steps done, from 1. */
  readonly step: number;
  /** The epoch this step belongs to, from 1. */
  readonly epoch: number;
  readonly loss: number;
  readonly learningRate: number;
  /** Norm of the whole gradient before clipping. */
  readonly gradNorm: number;
  readonly imagesPerSecond: number;
  /** Time spent training since the run began, over all resumptions. */
  readonly seconds: number;
  /** Mean loss of the epoch, on its last step. */
  readonly epochLoss?: number;
  /** How far the model's images are from the data, where that was measured after the step. */
  readonly quality?: Quality;
}

/** A record in the file's own names (snake_case). */
export function metricsToJson(metrics: StepMetrics): Record<string, number> {
  return {
    step: metrics.step,
    epoch: metrics.epoch,
    loss: metrics.loss,
    lr: metrics.learningRate,
    grad_norm: metrics.gradNorm,
    images_per_second: round(metrics.imagesPerSecond, 2),
    seconds: round(metrics.seconds, 3),
    ...(metrics.epochLoss === undefined ? {} : { epoch_loss: metrics.epochLoss }),
    ...(metrics.quality && qualityToJson(metrics.quality)),
  };
}

/** Quality numbers in the file's own names. */
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
/** What every record that is appended ends with. */
const RECORD_END = "}\n";

/** What a curve is drawn from. */
export type LossRecord = Pick<StepMetrics, "step" | "epoch" | "loss" | "seconds">;

/**
 * Reads the losses in a metrics.jsonl, one after the other; what is not a record of a step is left out.
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

/** Appends to a metrics.jsonl. Each record is handed to the system at once, so a killed process loses none. */
export class MetricsLog {
  readonly #path: string;
  readonly #permit: Permit;
  readonly #file: SyncFile;
  #size: number;
  /** `seconds` of the last record that was kept; 0 without one. */
  readonly secondsBefore: number;
  /** The step of the last record that was kept, if it has no quality numbers. */
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
   * Opens or makes the file and drops every record after step `keepThrough`.
   * @param options `permit` is asked before each record too
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

  /** Adds quality numbers to the last record, in one write: a killed process leaves it as it was or whole. @throws FileError */
  addQuality(quality: Quality): void {
    this.#write(`,${JSON.stringify(qualityToJson(quality)).slice(1)}\n`, this.#size - RECORD_END.length);
  }

  /** Makes everything appended so far durable. */
  sync(): void {
    this.#explained(() => this.#file.sync());
  }

  close(): void {
    this.#file.close();
  }

  /** Writes the end of the file, all of it or nothing. */
  #write(text: string, from: number): void {
    this.#permit();
    const bytes = utf8.encode(text);
    this.#explained(() => {
      try {
        // The system may take a part only, when the disk or the user's limit is reached.
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

  /** Leaves the file as it was before a write from there on failed. */
  #takeBack(from: number): void {
    try {
      this.#file.truncate(this.#size);
      if (from < this.#size) this.#file.write(utf8.encode(RECORD_END), from);
    } catch {
      // What made the write fail is told; a part of a record is no record when the run is resumed.
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
