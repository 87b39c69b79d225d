// The trainings that the studio starts: each is a process of imago train, so that the page and the server stay quick. What
// such a process says as JSON is kept for the page.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import * as v from "valibot";
import type { Order } from "../train/orders.ts";
import { HttpError } from "./http_error.ts";

/** A training that was started here. */
export interface TrainingStatus {
  /** The folder of its run. */
  readonly out: string;
  readonly isRunning: boolean;
  /** What it does now, where that is not to train: "compile", ... */
  readonly stage: string | null;
  readonly device: string | null;
  readonly secondsLeft: number | null;
  /** The line with which it ended, if with an error. */
  readonly problem: string | null;
  readonly warnings: readonly string[];
}

interface Training {
  readonly child: ChildProcess;
  status: TrainingStatus;
}

/** How a training begins: it has a first report, or it ended. */
export type Begun = { readonly out: string } | { readonly refused: string };

const eventSchema = v.looseObject({ event: v.string() });
const startSchema = v.looseObject({ event: v.literal("start"), device: v.optional(v.string()) });
const stepSchema = v.looseObject({ event: v.literal("step"), seconds_left: v.number() });

/** Warnings that are kept of a training. */
const MOST_WARNINGS = 20;

export class Trainings {
  readonly #command: readonly string[];
  readonly #known = new Map<string, Training>();

  /** @param command of imago, with its first arguments: the page's are added */
  constructor(command: readonly string[]) {
    this.#command = command;
  }

  list(): TrainingStatus[] {
    return [...this.#known.values()].map(({ status }) => status);
  }

  /**
   * Starts a training and waits for its first report.
   * @param out the run's folder
   * @param args of imago train, without --out
   * @returns what imago train says, where it refuses
   * @throws HttpError while the run trains already
   */
  async start(out: string, args: readonly string[]): Promise<Begun> {
    if (this.#known.get(out)?.status.isRunning) throw new HttpError(409, `${out} is being trained already`);
    const [command, ...first] = this.#command;
    const child = spawn(command, [...first, "train", "--out", out, ...args, "--json"], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // A terminal's Ctrl-C is for the studio, which stops its trainings; two would end them without a checkpoint.
      detached: true,
      windowsHide: true,
    });
    const training: Training = {
      child,
      status: {
        ...{ out, isRunning: true, stage: "start", device: null, secondsLeft: null },
        ...{ problem: null, warnings: [] },
      },
    };
    this.#known.set(out, training);
    const update = (change: Partial<TrainingStatus>): void => {
      training.status = { ...training.status, ...change };
    };
    const begun = new Promise<Begun>((resolve) => {
      eachLine(child.stdout, (line) => {
        const event = v.safeParse(v.pipe(v.string(), v.parseJson(), eventSchema), line);
        if (!event.success) return;
        const change = changeBy(event.output);
        const { stage } = training.status;
        update(stage === STOPPING || stage === PAUSED ? { ...change, stage } : change);
        if (event.output.event === "start" || event.output.event === "finished") resolve({ out });
      });
      eachLine(child.stderr, (line) => {
        const warning = /^imago: warning: (.*)$/.exec(line)?.[1];
        const { warnings } = training.status;
        if (warning !== undefined) update({ warnings: [...warnings, warning].slice(-MOST_WARNINGS) });
        else update({ problem: line.replace(/^imago: /, "") });
      });
      child.on("error", (error) => {
        update({ isRunning: false, problem: error.message });
        resolve({ refused: error.message });
      });
      child.on("close", (code) => {
        const isWell = code === 0 || code === INTERRUPTED;
        update({ isRunning: false, stage: null, secondsLeft: null, ...(isWell && { problem: null }) });
        resolve(isWell ? { out } : { refused: training.status.problem ?? `imago train ended with ${code}` });
      });
    });
    const result = await begun;
    // What never trained has no run to be shown with.
    if ("refused" in result) this.#known.delete(out);
    return result;
  }

  /** Asks a training to end after its step, with a checkpoint. @throws HttpError for one that was not started here */
  stop(out: string): void {
    const training = this.#running(out);
    if (training.status.stage === STOPPING) return;
    order(training, "stop");
    training.status = { ...training.status, stage: STOPPING };
  }

  /** Holds a training after its step. @throws HttpError for one that was not started here, or is about to end */
  pause(out: string): void {
    const training = this.#running(out);
    if (training.status.stage === STOPPING) throw new HttpError(409, `${out} is about to stop`);
    order(training, "pause");
    training.status = { ...training.status, stage: PAUSED };
  }

  /** Ends a pause; without one nothing happens. @throws HttpError for a training that was not started here */
  unpause(out: string): void {
    const training = this.#running(out);
    if (training.status.stage !== PAUSED) return;
    order(training, "unpause");
    training.status = { ...training.status, stage: null };
  }

  /** Stops all, and waits for their checkpoints. */
  async close(): Promise<void> {
    const running = [...this.#known.values()].filter(({ status }) => status.isRunning);
    await Promise.all(
      running.map((training) => {
        const ended = new Promise((resolve) => training.child.on("close", resolve));
        if (training.status.stage !== STOPPING) order(training, "stop");
        return ended;
      }),
    );
  }

  #running(out: string): Training {
    const training = this.#known.get(out);
    if (training?.status.isRunning) return training;
    throw new HttpError(
      409,
      `${out} is not being trained by this studio; what trains in a terminal is stopped there`,
    );
  }
}

function eachLine(stream: Readable | null, take: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on("line", take);
}

/** Asks by the channel, because Windows has no signals; one that cannot be asked is about to end. */
function order({ child }: Training, what: Order): void {
  if (child.connected) child.send(what);
}

/** The stages of a training that was asked to stop or to pause. */
const STOPPING = "stop";
const PAUSED = "pause";
/** The exit code of a training that was stopped. */
const INTERRUPTED = 130;

function changeBy(event: v.InferOutput<typeof eventSchema>): Partial<TrainingStatus> {
  const start = v.safeParse(startSchema, event);
  if (start.success) return { stage: null, device: start.output.device ?? null };
  const step = v.safeParse(stepSchema, event);
  return step.success ? { stage: null, secondsLeft: step.output.seconds_left } : {};
}
