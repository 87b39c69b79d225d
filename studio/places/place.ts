// Where runs are: in the folder of the server, or in this browser. Both are asked in the same words.

import type { PlacedFile } from "imago/browser";
import * as v from "valibot";

const number = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

export const summarySchema = v.object({
  name: v.string(),
  state: v.picklist(["training", "stopped", "finished"]),
  preset: v.nullable(v.string()),
  size: v.union([number, v.object({ width: number, height: number })]),
  source: v.string(),
  images: count,
  steps: count,
  step: count,
  last: v.nullable(v.record(v.string(), v.unknown())),
  changed: number,
  hasPipeline: v.boolean(),
});
/** A run, as far as a list shows it. */
export type RunSummary = v.InferOutput<typeof summarySchema>;

export const detailsSchema = v.object({
  ...summarySchema.entries,
  config: v.record(v.string(), v.unknown()),
  checkpoints: v.array(count),
  grids: v.array(count),
  notes: v.string(),
});
export type RunDetails = v.InferOutput<typeof detailsSchema>;

export const trainingSchema = v.object({
  name: v.string(),
  isRunning: v.boolean(),
  stage: v.nullable(v.string()),
  device: v.nullable(v.string()),
  secondsLeft: v.nullable(number),
  problem: v.nullable(v.string()),
  warnings: v.array(v.string()),
});
/** A training that was started from this page. */
export type TrainingStatus = v.InferOutput<typeof trainingSchema>;

/** Options of imago train by their names in camelCase, as they are typed. */
export type TrainOptions = Readonly<Record<string, string>>;

/** What cannot be done, in words for the user. */
export class Refused extends Error {
  override readonly name = "Refused";
}

/** The folder of a checkpoint in a run's. */
export const checkpointFolder = (step: number): string => `checkpoints/step-${String(step).padStart(6, "0")}`;

export interface Place {
  runs(): Promise<RunSummary[]>;
  details(name: string): Promise<RunDetails>;
  trainings(): Promise<TrainingStatus[]>;
  /** What was added to a run's records since a byte of them, and the byte to go on from. */
  recordsFrom(name: string, from: number): Promise<{ readonly text: string; readonly next: number }>;
  /** An address of a file of a run, for pictures. */
  addressOf(name: string, path: string): Promise<string>;
  /** What DDPMPipeline.fromPretrained takes for a run, in the page's workers. */
  pipelineOf(name: string): string;
  /** The folder of a run's checkpoint, for them: an address or a path. */
  checkpointOf(name: string, step: number): string;
  /** Starts a training; resolves after its first report. @throws Refused in the words of imago train */
  train(name: string, options: TrainOptions, images: readonly PlacedFile[]): Promise<void>;
  /** Ends a training after its step, with a checkpoint. */
  stop(name: string): Promise<void>;
  /** Holds a training after its step, until it is told to go on. */
  pause(name: string): Promise<void>;
  unpause(name: string): Promise<void>;
  /** Whether a run goes on only with its images, which the user must give again. */
  needsImages(run: RunSummary): boolean;
  /** @param images none where they are not needed */
  resume(name: string, images: readonly PlacedFile[]): Promise<void>;
  saveNotes(name: string, text: string): Promise<void>;
}
