// metrics.jsonl: one JSON object for each training step, appended as it happens.

import {
  closeSync,
  createReadStream,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { createInterface } from "node:readline";
import * as v from "valibot";
import { explainSystemError } from "../io/errors.ts";
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

const lineSchema = v.looseObject({
  step: v.pipe(v.number(), v.integer(), v.minValue(1)),
  seconds: v.pipe(v.number(), v.minValue(0)),
  patch_fd: v.exactOptional(v.number()),
});
const lossSchema = v.looseObject({
  ...lineSchema.entries,
  epoch: v.pipe(v.number(), v.integer(), v.minValue(1)),
  loss: v.pipe(v.number(), v.finite()),
});
const NEWLINE = 0x0a;
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
    for await (const line of createInterface({
      input: createReadStream(path),
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      const record = v.safeParse(lossSchema, parse(line));
      if (record.success) yield record.output;
    }
  } catch (error) {
    throw explainSystemError(error, "read the file", path);
  }
}

/** Appends to a metrics.jsonl. Each record is handed to the system at once, so a killed process loses none. */
export class MetricsLog {
  readonly #path: string;
  readonly #file: number;
  /** `seconds` of the last record that was kept; 0 without one. */
  readonly secondsBefore: number;
  /** The step of the last record that was kept, if it has no quality numbers. */
  readonly unmeasuredStep: number | undefined;

  /**
   * Opens or makes the file and drops every record after step `keepThrough`, and whatever is not a record.
   * @throws FileError when the system refuses
   */
  constructor(path: string, keepThrough: number) {
    this.#path = path;
    this.#file = this.#explained(() => openSync(path, "a+"));
    const { bytes, seconds, unmeasuredStep } = this.#explained(() =>
      keptPrefix(readFileSync(path), keepThrough),
    );
    this.#explained(() => ftruncateSync(this.#file, bytes));
    this.secondsBefore = seconds;
    this.unmeasuredStep = unmeasuredStep;
  }

  /** @throws FileError when the disk is full, ... */
  append(metrics: StepMetrics): void {
    this.#explained(() => writeSync(this.#file, `${JSON.stringify(metricsToJson(metrics))}\n`));
  }

  /** Adds quality numbers to the last record, in one write: a killed process leaves it as it was or whole. @throws FileError */
  addQuality(quality: Quality): void {
    const text = `,${JSON.stringify(qualityToJson(quality)).slice(1)}\n`;
    this.#explained(() => {
      // The file that is appended to writes at its end only.
      const file = openSync(this.#path, "r+");
      try {
        writeSync(file, text, fstatSync(file).size - RECORD_END.length);
      } finally {
        closeSync(file);
      }
    });
  }

  /** Makes everything appended so far durable. */
  sync(): void {
    this.#explained(() => fsyncSync(this.#file));
  }

  close(): void {
    closeSync(this.#file);
  }

  #explained<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explainSystemError(error, "write the file", this.#path);
    }
  }
}

/** What is kept of a file. */
interface Kept {
  readonly bytes: number;
  readonly seconds: number;
  readonly unmeasuredStep: number | undefined;
}

/** The longest prefix of whole lines that are records of steps up to `keepThrough`. */
function keptPrefix(content: Uint8Array, keepThrough: number): Kept {
  const decoder = new TextDecoder();
  let bytes = 0;
  let seconds = 0;
  let unmeasuredStep: number | undefined;
  while (bytes < content.length) {
    const end = content.indexOf(NEWLINE, bytes);
    if (end < 0) break;
    const record = v.safeParse(lineSchema, parse(decoder.decode(content.subarray(bytes, end))));
    if (!record.success || record.output.step > keepThrough) break;
    bytes = end + 1;
    seconds = record.output.seconds;
    unmeasuredStep = record.output.patch_fd === undefined ? record.output.step : undefined;
  }
  return { bytes, seconds, unmeasuredStep };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function round(x: number, digits: number): number {
  return Number(x.toFixed(digits));
}
